// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// The accumulator: one integer current per output, added up over a time step.
//
// Function    While a step is open every visit adds its addend to one word of
//             Lanes currents. When the last visit has arrived the words leave
//             in order, OutLanes currents per beat, tlast with the last beat,
//             and the memory is zero again. With Repeats above 1 the same step
//             leaves that many times (a static image) before it is cleared.
// Maximum     Instead of the sum a word keeps the largest of its addends, which
//             are unsigned then; one that was not visited is 0.
// Format      Signed, CurrentBits wide; sums wrap, so only the final current
//             has to fit, which width inference proves.
// Hazards     A word may be visited in every clock: results that are not yet in
//             the memory are forwarded.
// Latency     4 clocks from the last visit to the first beat, 3 with Depth 1.
// Throughput  One visit, or one beat, per clock; hold_o forbids new visits from
//             the last one until the step has left.
// Reset       Forgets the step; clearing the memory takes one clock per word,
//             during which hold_o is high (no clock with Depth 1).

`default_nettype none

module spikeloom_accumulator #(
    parameter Lanes = 4,  // currents in a word
    parameter OutLanes = 4,  // currents in a beat; divides Lanes
    parameter CurrentBits = 8,  // bits of a current, signed
    parameter AddendBits = 8,  // at most CurrentBits
    parameter Depth = 1,  // words
    parameter Repeats = 1,  // times that a step leaves
    parameter Maximum = 0,  // 1: the largest unsigned addend instead of the sum
    parameter AddressBits = (Depth > 1) ? $clog2(Depth) : 1
) (
    input  wire                            clk_i,
    input  wire                            rst_ni,
    // Visits: the address now, the addend one clock later
    input  wire                            valid_i,
    input  wire                            visit_i,
    input  wire                            last_i,
    input  wire [         AddressBits-1:0] address_i,
    input  wire [    Lanes*AddendBits-1:0] addend_i,
    output wire                            hold_o,
    // Currents
    output wire [OutLanes*CurrentBits-1:0] m_axis_tdata,
    output wire                            m_axis_tvalid,
    input  wire                            m_axis_tready,
    output wire                            m_axis_tlast
);

  generate
    if ((Lanes % OutLanes) != 0) begin : gen_check_lanes
      spikeloom_error_out_lanes_must_divide_lanes u_error ();
    end
    if (AddendBits > CurrentBits) begin : gen_check_addend
      spikeloom_error_addend_must_not_be_wider_than_current u_error ();
    end
  endgenerate

  localparam WordBits = Lanes * CurrentBits;
  localparam BeatBits = OutLanes * CurrentBits;
  localparam Beats = Lanes / OutLanes;
  localparam BeatIndexBits = (Beats > 1) ? $clog2(Beats) : 1;
  localparam RepeatBits = (Repeats > 1) ? $clog2(Repeats) : 1;
  localparam [31:0] LastBeatValue = Beats - 1;
  localparam [BeatIndexBits-1:0] LastBeat = LastBeatValue[BeatIndexBits-1:0];
  localparam [31:0] LastAddressValue = Depth - 1;
  localparam [AddressBits-1:0] LastAddress = LastAddressValue[AddressBits-1:0];
  localparam [31:0] LastRepeatValue = Repeats - 1;
  localparam [RepeatBits-1:0] LastRepeat = LastRepeatValue[RepeatBits-1:0];

  // ---------------------------------------------------------------------------
  // Visits on their way: stage 1 reads, stage 2 adds
  // ---------------------------------------------------------------------------
  reg visit_1_q;
  reg visit_2_q;
  reg last_1_q;
  reg last_2_q;
  reg [Lanes*AddendBits-1:0] addend_q;

  always @(posedge clk_i) begin
    addend_q <= addend_i;
    if (!rst_ni) begin
      visit_1_q <= 1'b0;
      visit_2_q <= 1'b0;
      last_1_q  <= 1'b0;
      last_2_q  <= 1'b0;
    end else begin
      visit_1_q <= valid_i && visit_i;
      visit_2_q <= visit_1_q;
      last_1_q  <= valid_i && last_i;
      last_2_q  <= last_1_q;
    end
  end

  // ---------------------------------------------------------------------------
  // The step leaves: word by word, beat by beat, Repeats times
  // ---------------------------------------------------------------------------
  reg                      sweep_q;
  reg  [BeatIndexBits-1:0] beat_q;
  reg  [   RepeatBits-1:0] repeat_q;
  wire                     last_word;  // of the step
  wire                     word_valid;
  wire [     WordBits-1:0] word;
  wire                     last_beat = (beat_q == LastBeat);
  wire                     last_repeat = (repeat_q == LastRepeat);
  wire                     word_taken = m_axis_tvalid && m_axis_tready && last_beat;
  wire                     step_taken = word_taken && last_word;

  assign m_axis_tvalid = word_valid;
  assign m_axis_tlast  = last_beat && last_word;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      sweep_q  <= 1'b0;
      beat_q   <= 0;
      repeat_q <= 0;
    end else begin
      if (last_2_q) sweep_q <= 1'b1;
      else if (step_taken && last_repeat) sweep_q <= 1'b0;
      if (m_axis_tvalid && m_axis_tready) beat_q <= last_beat ? 0 : beat_q + 1'b1;
      if (step_taken) repeat_q <= last_repeat ? 0 : repeat_q + 1'b1;
    end
  end

  genvar b, l;
  generate
    if (Beats > 1) begin : gen_beats
      wire [BeatBits-1:0] beats[0:Beats-1];
      for (b = 0; b < Beats; b = b + 1) begin : gen_beat
        assign beats[b] = word[b*BeatBits+:BeatBits];
      end
      assign m_axis_tdata = beats[beat_q];
    end else begin : gen_one_beat
      assign m_axis_tdata = word;
    end
  endgenerate

  // ---------------------------------------------------------------------------
  // The currents
  // ---------------------------------------------------------------------------
  wire [WordBits-1:0] operand;
  wire [WordBits-1:0] sum;

  generate
    for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
      wire [AddendBits-1:0] addend = addend_q[l*AddendBits+:AddendBits];
      wire [CurrentBits-1:0] current = operand[l*CurrentBits+:CurrentBits];
      if (Maximum != 0) begin : gen_maximum
        wire [CurrentBits-1:0] wide = {{(CurrentBits - AddendBits) {1'b0}}, addend};
        assign sum[l*CurrentBits+:CurrentBits] = (wide > current) ? wide : current;
      end else begin : gen_sum
        wire [CurrentBits-1:0] wide = {
          {(CurrentBits - AddendBits) {addend[AddendBits-1]}}, addend
        };
        assign sum[l*CurrentBits+:CurrentBits] = current + wide;
      end
    end

    if (Depth == 1) begin : gen_registers
      reg [WordBits-1:0] word_q;
      wire unused = &{1'b0, address_i, visit_1_q};

      assign operand = word_q;
      assign word = word_q;
      assign word_valid = sweep_q;
      assign last_word = 1'b1;

      always @(posedge clk_i) begin
        if (!rst_ni || (step_taken && last_repeat)) word_q <= 0;
        else if (visit_2_q) word_q <= sum;
      end

      reg hold_q;
      assign hold_o = hold_q;

      always @(posedge clk_i) begin
        if (!rst_ni) hold_q <= 1'b0;
        else if (valid_i && last_i) hold_q <= 1'b1;
        else if (step_taken && last_repeat) hold_q <= 1'b0;
      end
    end else begin : gen_memory
      // A read that meets a write of its address is never used: it is forwarded
      // over, or belongs to no visit.
      (* no_rw_check *)
      reg [   WordBits-1:0] memory[0:Depth-1];
      reg [   WordBits-1:0] read_q;
      reg [AddressBits-1:0] address_1_q;
      reg [AddressBits-1:0] address_2_q;
      reg [AddressBits-1:0] address_3_q;
      reg                   visit_3_q;
      reg [   WordBits-1:0] operand_q;
      reg [   WordBits-1:0] sum_q;

      // Sweep: the word in read_q is the one offered
      reg                   offered_q;
      reg [AddressBits-1:0] offered_address_q;
      reg [AddressBits-1:0] next_address_q;
      reg                   all_read_q;
      wire                  fetch = sweep_q && !all_read_q && (!offered_q || word_taken);

      // Clearing: behind the last sweep, and after a reset
      reg                   wipe_q;
      reg [AddressBits-1:0] wipe_address_q;
      wire                  clear = wipe_q || (word_taken && last_repeat);
      wire [AddressBits-1:0] clear_address = wipe_q ? wipe_address_q : offered_address_q;

      wire                  read = fetch || !sweep_q;
      wire [AddressBits-1:0] read_address = sweep_q ? next_address_q : address_i;

      assign operand = operand_q;
      assign word = read_q;
      assign word_valid = offered_q;
      assign last_word = (offered_address_q == LastAddress);

      always @(posedge clk_i) begin
        if (read) read_q <= memory[read_address];
        if (clear) memory[clear_address] <= 0;
        else if (visit_2_q) memory[address_2_q] <= sum;
      end

      always @(posedge clk_i) begin
        address_1_q <= address_i;
        address_2_q <= address_1_q;
        address_3_q <= address_2_q;
        visit_3_q   <= visit_2_q;
        sum_q       <= sum;
        if (visit_2_q && (address_2_q == address_1_q)) operand_q <= sum;
        else if (visit_3_q && (address_3_q == address_1_q)) operand_q <= sum_q;
        else operand_q <= read_q;
      end

      always @(posedge clk_i) begin
        if (!rst_ni) begin
          offered_q <= 1'b0;
          all_read_q <= 1'b0;
          next_address_q <= 0;
        end else if (fetch) begin
          offered_q <= 1'b1;
          offered_address_q <= next_address_q;
          all_read_q <= (next_address_q == LastAddress);
          next_address_q <= (next_address_q == LastAddress) ? 0 : next_address_q + 1'b1;
        end else if (word_taken) begin
          offered_q  <= 1'b0;
          all_read_q <= 1'b0;
        end
      end

      reg hold_q;
      assign hold_o = hold_q;

      always @(posedge clk_i) begin
        if (!rst_ni) begin
          wipe_q <= 1'b1;
          wipe_address_q <= 0;
          hold_q <= 1'b1;
        end else if (wipe_q) begin
          wipe_address_q <= wipe_address_q + 1'b1;
          wipe_q <= (wipe_address_q != LastAddress);
          hold_q <= (wipe_address_q != LastAddress);
        end else if (valid_i && last_i) begin
          hold_q <= 1'b1;
        end else if (step_taken && last_repeat) begin
          hold_q <= 1'b0;
        end
      end
    end
  endgenerate

endmodule

`default_nettype wire
