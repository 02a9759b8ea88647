// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// Early decision: looks at the scores after every time step, and lets those of the
// step through that settles the prediction.
//
// Function    Of the scores of a step it finds the best one and its lead, by how
//             much it is ahead of all others. An inference is decided with the first
//             step whose lead is at least that of the step (from the table, or
//             Margin), and with the last step in any case. Of equal scores the
//             first class is the best; with Ties, classes in front of the best one
//             count 1 more, because they win where scores are equal.
//             stop_o then tells that the core may forget the inference, as soon as
//             begun_i shows that its input has begun. The scores of the step leave;
//             those of steps that came after it, up to the reset of the core, are dropped.
// Format      Beats of Lanes scores, Words beats per step, tlast ends a step; m_axis
//             has the same beats. Leads are unsigned, 1 bit wider than a score.
// Tree        Lanes are compared in pairs, one level per clock, and then with the
//             beats of the step before.
// Latency     From the last beat of a step to its stop_o clog2(Lanes) + 1 clocks, 1 more
//             with several words; then 1 to its first beat on m_axis.
// Throughput  One beat per clock. Nothing is taken while scores leave.
// Reset       Starts a new inference. core_rst_ni is the reset of the core: what
//             comes meanwhile is no score.

`default_nettype none

module spikeloom_decision #(
    parameter Lanes = 2,  // scores in a beat
    parameter Words = 1,  // beats per time step
    parameter ScoreBits = 8,  // bits of a score, signed
    parameter TimeSteps = 2,  // time steps of an inference
    parameter Ties = 0,  // 1: classes in front of the best one count 1 more
    parameter Table = 0,  // 1: the leads of all steps come from a table
    parameter TableFile = "",  // the table, hexadecimal
    parameter [32:0] Margin = 1,  // the lead of all steps, without a table
    parameter StepBits = $clog2(TimeSteps + 1)  // derived, not to be set
) (
    input  wire                       clk_i,
    input  wire                       rst_ni,
    input  wire                       core_rst_ni,
    input  wire [Lanes*ScoreBits-1:0] s_axis_tdata,
    input  wire                       s_axis_tvalid,
    output wire                       s_axis_tready,
    input  wire                       s_axis_tlast,
    output wire [Lanes*ScoreBits-1:0] m_axis_tdata,
    output wire                       m_axis_tvalid,
    input  wire                       m_axis_tready,
    input  wire                       begun_i,
    output wire                       stop_o,
    // time steps until the last decision, 0 after a reset; for verification
    output wire [       StepBits-1:0] steps_o
);

  localparam NodeBits = ScoreBits + 1;
  localparam PairBits = 2 * NodeBits;  // { rival, best } of some classes
  localparam Levels = (Lanes > 1) ? $clog2(Lanes) : 0;
  localparam Leaves = 1 << Levels;
  localparam signed [NodeBits-1:0] None = {1'b1, {(NodeBits - 1) {1'b0}}};  // below any score
  localparam Latency = Levels + 1 + ((Words > 1) ? 1 : 0);
  localparam PointerBits = $clog2(Words + Latency);
  localparam WordBits = (Words > 1) ? $clog2(Words) : 1;
  localparam [31:0] LastWordValue = Words - 1;
  localparam [WordBits-1:0] LastWord = LastWordValue[WordBits-1:0];
  localparam [31:0] WordsValue = Words;
  localparam [PointerBits-1:0] StepWords = WordsValue[PointerBits-1:0];
  localparam [31:0] LastStepValue = TimeSteps - 1;
  localparam [StepBits-1:0] LastStep = LastStepValue[StepBits-1:0];

  reg waiting_q;  // decided, but the input has not begun
  reg sending_q;  // the scores of the deciding step leave

  wire stop;
  wire clear = !rst_ni || stop;
  wire take = s_axis_tvalid && s_axis_tready && !waiting_q;

  assign s_axis_tready = core_rst_ni && !sending_q;

  // ---------------------------------------------------------------------------
  // The best score of a beat, and its rival: the best of the others
  // ---------------------------------------------------------------------------
  // Classes of the left side stand in front of those of the right side.
  function [PairBits-1:0] merge(input [PairBits-1:0] left, input [PairBits-1:0] right);
    reg signed [NodeBits-1:0] left_best;
    reg signed [NodeBits-1:0] left_rival;
    reg signed [NodeBits-1:0] right_best;
    reg signed [NodeBits-1:0] right_rival;
    reg signed [NodeBits-1:0] ahead;  // the best of the left side as a rival
    reg [NodeBits-1:0] of_left;
    reg [NodeBits-1:0] of_right;
    begin
      {left_rival, left_best} = left;
      {right_rival, right_best} = right;
      ahead = (Ties != 0) ? left_best + 1 : left_best;
      of_left = (right_best > left_rival) ? right_best : left_rival;
      of_right = (ahead > right_rival) ? ahead : right_rival;
      merge = (right_best > left_best) ? {of_right, right_best} : {of_left, left_best};
    end
  endfunction

  // Node n has the children 2n and 2n + 1; lane l is node Leaves + l.
  wire [2*Leaves*PairBits-1:0] nodes;
  wire [Levels:0] valid;  // by level, the leaves first
  wire [Levels:0] last;

  assign nodes[0+:PairBits] = {PairBits{1'b0}};
  assign valid[0] = take;
  assign last[0] = s_axis_tlast;

  genvar n;
  generate
    for (n = 0; n < Leaves; n = n + 1) begin : gen_leaf
      if (n < Lanes) begin : gen_score
        wire [ScoreBits-1:0] score = s_axis_tdata[n*ScoreBits+:ScoreBits];
        assign nodes[(Leaves+n)*PairBits+:PairBits] = {None, score[ScoreBits-1], score};
      end else begin : gen_none
        assign nodes[(Leaves+n)*PairBits+:PairBits] = {None, None};
      end
    end
    for (n = 1; n < Leaves; n = n + 1) begin : gen_node
      reg [PairBits-1:0] pair_q;
      always @(posedge clk_i) begin
        pair_q <= merge(nodes[2*n*PairBits+:PairBits], nodes[(2*n+1)*PairBits+:PairBits]);
      end
      assign nodes[n*PairBits+:PairBits] = pair_q;
    end
    for (n = 1; n <= Levels; n = n + 1) begin : gen_level
      reg valid_q;
      reg last_q;
      always @(posedge clk_i) begin
        valid_q <= valid[n-1] && !clear;
        last_q  <= last[n-1];
      end
      assign valid[n] = valid_q;
      assign last[n]  = last_q;
    end
  endgenerate

  wire [PairBits-1:0] beat = nodes[PairBits+:PairBits];
  wire unused_node = &{1'b0, nodes[0+:PairBits], last};

  // ---------------------------------------------------------------------------
  // The same of a whole time step, and the lead
  // ---------------------------------------------------------------------------
  wire [PairBits-1:0] step;
  wire step_valid;
  wire signed [NodeBits-1:0] best = step[NodeBits-1:0];
  wire signed [NodeBits-1:0] rival = step[PairBits-1:NodeBits];
  reg [NodeBits-1:0] lead_q;  // never negative
  reg lead_valid_q;

  generate
    if (Words > 1) begin : gen_words
      reg [PairBits-1:0] so_far_q;
      reg first_q;  // the next beat is the first of a step
      reg whole_q;

      always @(posedge clk_i) begin
        if (valid[Levels]) so_far_q <= first_q ? beat : merge(so_far_q, beat);
        if (clear) first_q <= 1'b1;
        else if (valid[Levels]) first_q <= last[Levels];
        whole_q <= valid[Levels] && last[Levels] && !clear;
      end

      assign step = so_far_q;
      assign step_valid = whole_q;
    end else begin : gen_word
      assign step = beat;
      assign step_valid = valid[Levels];
    end
  endgenerate

  always @(posedge clk_i) begin
    lead_q <= best - rival;
    lead_valid_q <= step_valid && !clear;
  end

  // ---------------------------------------------------------------------------
  // The decision
  // ---------------------------------------------------------------------------
  reg [StepBits-1:0] step_q;
  reg [StepBits-1:0] steps_q;
  wire [NodeBits-1:0] needed;

  wire judge = lead_valid_q && !waiting_q;
  wire enough = (step_q == LastStep) || (lead_q >= needed);
  wire pass = judge && !enough;  // the step decides nothing
  wire [StepBits-1:0] step_next = clear ? 0 : pass ? step_q + 1'b1 : step_q;

  assign stop = ((judge && enough) || waiting_q) && begun_i;
  assign stop_o = stop;
  assign steps_o = steps_q;

  generate
    if (Table != 0) begin : gen_table
      localparam AddressBits = (TimeSteps > 1) ? $clog2(TimeSteps) : 1;
      wire unused_step = &{1'b0, step_next};

      spikeloom_rom #(
          .Width(NodeBits),
          .Depth(TimeSteps),
          .File (TableFile)
      ) u_leads (
          .clk_i(clk_i),
          .en_i(1'b1),
          .address_i(step_next[AddressBits-1:0]),
          .data_o(needed)
      );
    end else begin : gen_margin
      assign needed = Margin[NodeBits-1:0];
    end
  endgenerate

  always @(posedge clk_i) begin
    step_q <= step_next;
    if (!rst_ni) steps_q <= 0;
    else if (stop) steps_q <= step_q + 1'b1;
    waiting_q <= ((judge && enough) || waiting_q) && !clear;
  end

  // ---------------------------------------------------------------------------
  // Scores until they are judged, and while they leave
  // ---------------------------------------------------------------------------
  // A word is read only after it has been judged, or its address is not looked at.
  (* no_rw_check *)
  reg [Lanes*ScoreBits-1:0] memory[0:(1<<PointerBits)-1];
  reg [PointerBits-1:0] write_q;
  reg [PointerBits-1:0] read_q;  // first word of the step that is judged next
  reg [Lanes*ScoreBits-1:0] data_q;
  reg [WordBits-1:0] word_q;

  wire move = sending_q && m_axis_tready;
  wire [PointerBits-1:0] read_next =
      pass ? read_q + StepWords : move ? read_q + 1'b1 : read_q;

  assign m_axis_tdata  = data_q;
  assign m_axis_tvalid = sending_q;

  always @(posedge clk_i) begin
    if (take) memory[write_q] <= s_axis_tdata;
    data_q <= memory[read_next];
  end

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      write_q   <= 0;
      read_q    <= 0;
      word_q    <= 0;
      sending_q <= 1'b0;
    end else begin
      if (stop) write_q <= read_q + StepWords;
      else if (take) write_q <= write_q + 1'b1;
      read_q <= read_next;
      if (move) word_q <= (word_q == LastWord) ? 0 : word_q + 1'b1;
      if (stop) sending_q <= 1'b1;
      else if (move && (word_q == LastWord)) sending_q <= 1'b0;
    end
  end

endmodule

`default_nettype wire
