// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A group of neurons: currents in, spikes out, one time step after the other.
//
// Function    Per neuron and time step, signed integers:
//               u = leak(v) + current + bias       leak: a sum of shifts
//               u = clamp(u), where Saturate is set
//               spike = u >= threshold
//               v = spike ? (u - threshold | 0 | u) : u
//             v is 0 before the first step of an inference, of which there are
//             TimeSteps. With ResetDelay the reset waits for the next step:
//             v = u, and a neuron that fired starts the step from
//             leak(v) - threshold, or from 0.
//             Without Spiking nothing fires, and the beats of the last time
//             step (with EveryStep of all), and only these, leave as membranes.
// Format      v and u MembraneBits wide; sums are formed in SumBits, which
//             width inference proves to be enough.
// Order       Beats of Lanes neurons in stream order; Words beats a time step.
// Constants   Bias and threshold are parameters where all neurons share them,
//             else a table that repeats every TableDepth words (per channel).
// Latency     4 clocks from a beat to its spikes.
// Throughput  One beat per clock; with fewer than 4 words a time step takes 4.
// Reset       Starts a new inference.

`default_nettype none

module spikeloom_neuron #(
    parameter Lanes = 4,  // neurons in a beat
    parameter Words = 1,  // beats per time step
    parameter TimeSteps = 1,  // time steps of an inference
    parameter CurrentBits = 8,  // bits of a current, signed
    parameter SumBits = 10,  // bits of u before the clamp
    parameter MembraneBits = 10,  // bits of a membrane
    parameter Saturate = 0,  // 1: clamp u to MembraneBits
    parameter Spiking = 1,  // 0: integrators that only send their last membranes
    parameter EveryStep = 0,  // 1: integrators send their membranes at every time step
    // Leak: a sum of LeakTerms shifts, 6 bits each
    parameter LeakTerms = 1,  // shifts that the leak is a sum of
    parameter [6*LeakTerms-1:0] Leak = 0,  // { negative, shift[4:0] } each, first lowest
    // Reset
    parameter ResetMode = 0,  // 0 subtract, 1 to zero, 2 none
    parameter ResetDelay = 0,  // 1: the reset waits for the next step
    // Bias and threshold
    parameter BiasBits = 2,  // bits of a bias, signed
    parameter ThresholdBits = 2,  // unsigned
    parameter Table = 0,  // 1: both from the table, { threshold, bias } per lane
    parameter TableDepth = 1,  // words of the table
    parameter TableFile = "",  // the table, hexadecimal
    parameter signed [31:0] Bias = 0,  // bias of all neurons, without a table
    parameter [31:0] Threshold = 1,  // threshold of all neurons, without a table
    // Derived, not to be set
    parameter OutBits = (Spiking != 0) ? Lanes : Lanes * MembraneBits
) (
    input  wire                          clk_i,
    input  wire                          rst_ni,
    input  wire [ Lanes*CurrentBits-1:0] s_axis_tdata,
    input  wire                          s_axis_tvalid,
    output wire                          s_axis_tready,
    input  wire                          s_axis_tlast,
    output wire [           OutBits-1:0] m_axis_tdata,
    output wire                          m_axis_tvalid,
    input  wire                          m_axis_tready,
    output wire                          m_axis_tlast,
    // What every neuron did, for verification; one clock per beat
    output wire                          probe_valid_o,
    output wire [             Lanes-1:0] probe_spikes_o,
    output wire [Lanes*MembraneBits-1:0] probe_membranes_o
);

  generate
    if (SumBits < MembraneBits || SumBits < CurrentBits || SumBits < BiasBits) begin : gen_check_sum
      spikeloom_error_sum_bits_must_hold_membrane_current_and_bias u_error ();
    end
    if (Spiking != 0 && ThresholdBits >= MembraneBits) begin : gen_check_threshold
      spikeloom_error_threshold_must_fit_a_membrane u_error ();
    end
  endgenerate

  localparam AddressBits = (Words > 1) ? $clog2(Words) : 1;
  localparam StepBits = (TimeSteps > 1) ? $clog2(TimeSteps) : 1;
  localparam EntryBits = ThresholdBits + BiasBits;
  localparam [31:0] LastStepValue = TimeSteps - 1;
  localparam [StepBits-1:0] LastStep = LastStepValue[StepBits-1:0];
  localparam Turnaround = 4;  // clocks from reading a membrane until it may be read again
  localparam [31:0] GapValue = (Words < Turnaround) ? Turnaround - Words : 0;
  localparam [1:0] Gap = GapValue[1:0];
  localparam signed [SumBits-1:0] Maximum = {
    {(SumBits - MembraneBits + 1) {1'b0}}, {(MembraneBits - 1) {1'b1}}
  };
  localparam signed [SumBits-1:0] Minimum = ~Maximum;

  // The whole pipeline waits for its output.
  wire run = !m_axis_tvalid || m_axis_tready;

  // ---------------------------------------------------------------------------
  // Stage 0: take a beat, read its membranes and constants
  // ---------------------------------------------------------------------------
  reg [AddressBits-1:0] address_q;
  reg [StepBits-1:0] step_q;
  reg [1:0] gap_q;  // clocks until the membranes of this step are written

  wire accept = s_axis_tvalid && s_axis_tready;

  assign s_axis_tready = run && (gap_q == 0);

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      address_q <= 0;
      step_q <= 0;
      gap_q <= 0;
    end else if (run) begin
      if (accept) begin
        address_q <= (s_axis_tlast || Words == 1) ? 0 : address_q + 1'b1;
        if (s_axis_tlast) step_q <= (step_q == LastStep) ? 0 : step_q + 1'b1;
      end
      if (accept && s_axis_tlast) gap_q <= Gap;
      else if (gap_q != 0) gap_q <= gap_q - 1'b1;
    end
  end

  // ---------------------------------------------------------------------------
  // Stages 1 to 3: controls
  // ---------------------------------------------------------------------------
  reg valid_1_q, valid_2_q, valid_3_q;
  reg tlast_1_q, tlast_2_q, tlast_3_q;
  reg final_1_q, final_2_q, final_3_q;  // of the last time step
  reg first_1_q;  // of the first time step
  reg [AddressBits-1:0] address_1_q, address_2_q, address_3_q;

  always @(posedge clk_i) begin
    if (run) begin
      {tlast_3_q, tlast_2_q, tlast_1_q} <= {tlast_2_q, tlast_1_q, s_axis_tlast};
      {final_3_q, final_2_q, final_1_q} <= {final_2_q, final_1_q, step_q == LastStep};
      {address_3_q, address_2_q, address_1_q} <= {address_2_q, address_1_q, address_q};
      first_1_q <= (step_q == 0);
    end
    if (!rst_ni) {valid_3_q, valid_2_q, valid_1_q} <= 3'b000;
    else if (run) {valid_3_q, valid_2_q, valid_1_q} <= {valid_2_q, valid_1_q, accept};
  end

  // ---------------------------------------------------------------------------
  // Membranes
  // ---------------------------------------------------------------------------
  // Words at least 4 beats old are read, or the gap has passed: never the
  // word that is written in this clock.
  (* no_rw_check *)
  reg [Lanes*MembraneBits-1:0] memory[0:Words-1];
  reg [Lanes*MembraneBits-1:0] membranes_q;
  reg [Lanes*CurrentBits-1:0] currents_q;
  wire [Lanes*MembraneBits-1:0] membranes_next;

  always @(posedge clk_i) begin
    if (run) begin
      membranes_q <= memory[address_q];
      currents_q  <= s_axis_tdata;
      if (valid_3_q) memory[address_3_q] <= membranes_next;
    end
  end

  // ---------------------------------------------------------------------------
  // Constants
  // ---------------------------------------------------------------------------
  wire [Lanes*BiasBits-1:0] biases;
  wire [Lanes*ThresholdBits-1:0] thresholds;

  genvar l;
  generate
    if (Table != 0) begin : gen_table
      localparam TableBits = (TableDepth > 1) ? $clog2(TableDepth) : 1;
      localparam [31:0] LastEntryValue = TableDepth - 1;
      localparam [TableBits-1:0] LastEntry = LastEntryValue[TableBits-1:0];
      reg  [      TableBits-1:0] entry_q;
      wire [Lanes*EntryBits-1:0] entry;

      always @(posedge clk_i) begin
        if (!rst_ni) entry_q <= 0;
        else if (accept) entry_q <= (entry_q == LastEntry) ? 0 : entry_q + 1'b1;
      end

      spikeloom_rom #(
          .Width(Lanes * EntryBits),
          .Depth(TableDepth),
          .File(TableFile)
      ) u_table (
          .clk_i(clk_i),
          .en_i(run),
          .address_i(entry_q),
          .data_o(entry)
      );

      for (l = 0; l < Lanes; l = l + 1) begin : gen_entry
        assign biases[l*BiasBits+:BiasBits] = entry[l*EntryBits+:BiasBits];
        assign thresholds[l*ThresholdBits+:ThresholdBits] =
            entry[l*EntryBits+BiasBits+:ThresholdBits];
      end
    end else begin : gen_constant
      assign biases = {Lanes{Bias[BiasBits-1:0]}};
      assign thresholds = {Lanes{Threshold[ThresholdBits-1:0]}};
    end
  endgenerate

  // ---------------------------------------------------------------------------
  // Stages 1 to 3: arithmetic, lane by lane
  // ---------------------------------------------------------------------------
  wire [Lanes-1:0] spikes;

  function signed [SumBits-1:0] leak(input signed [SumBits-1:0] v);
    integer i;
    begin
      leak = 0;
      for (i = 0; i < LeakTerms; i = i + 1) begin
        if (Leak[6*i+5]) leak = leak - (v >>> Leak[6*i+:5]);
        else leak = leak + (v >>> Leak[6*i+:5]);
      end
    end
  endfunction

  generate
    for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
      wire signed [MembraneBits-1:0] membrane = membranes_q[l*MembraneBits+:MembraneBits];
      wire signed [CurrentBits-1:0] current = currents_q[l*CurrentBits+:CurrentBits];
      wire signed [BiasBits-1:0] bias = biases[l*BiasBits+:BiasBits];
      wire signed [SumBits-1:0] wide_current = {
        {(SumBits - CurrentBits) {current[CurrentBits-1]}}, current
      };
      wire signed [SumBits-1:0] wide_bias = {{(SumBits - BiasBits) {bias[BiasBits-1]}}, bias};
      wire [ThresholdBits-1:0] threshold = thresholds[l*ThresholdBits+:ThresholdBits];
      wire signed [SumBits-1:0] old = {
        {(SumBits - MembraneBits) {membrane[MembraneBits-1]}}, membrane
      };

      // Stage 1: what is left of the membrane, and what is added to it
      reg signed [SumBits-1:0] left_q;
      reg signed [SumBits-1:0] added_q;
      wire signed [SumBits-1:0] left;

      if (ResetDelay != 0 && ResetMode != 2) begin : gen_delayed
        wire signed [SumBits-1:0] start = first_1_q ? {SumBits{1'b0}} : old;
        // One bit more than a membrane has: the difference cannot wrap.
        wire signed [SumBits:0] wide_start = {start[SumBits-1], start};
        wire signed [SumBits:0] wide_threshold = {{(SumBits + 1 - ThresholdBits) {1'b0}}, threshold};
        wire signed [SumBits:0] above = wide_start - wide_threshold;
        wire fired = !above[SumBits];
        wire signed [SumBits-1:0] lowered = leak(start) - wide_threshold[SumBits-1:0];
        assign left = !fired ? leak(start) : (ResetMode == 0) ? lowered : {SumBits{1'b0}};
      end else begin : gen_immediate
        assign left = leak(old);
      end

      // Stage 2: the membrane before its reset
      reg signed [MembraneBits-1:0] u_q;
      reg [ThresholdBits-1:0] threshold_2_q;
      reg [ThresholdBits-1:0] threshold_3_q;
      wire signed [SumBits-1:0] u = left_q + added_q;
      wire signed [MembraneBits-1:0] u_fit;

      if (Saturate != 0) begin : gen_saturate
        assign u_fit = (u > Maximum) ? Maximum[MembraneBits-1:0] :
                       (u < Minimum) ? Minimum[MembraneBits-1:0] : u[MembraneBits-1:0];
      end else begin : gen_fit
        assign u_fit = u[MembraneBits-1:0];
        wire unused = &{1'b0, u};  // a term may be wider than what all together fit
      end

      // What is left of 0 is 0: where the reset does not wait, the register starts anew.
      localparam Restart = (ResetDelay == 0 || ResetMode == 2) ? 1 : 0;

      always @(posedge clk_i) begin
        if (run) begin
          if (Restart != 0 && first_1_q) left_q <= 0;
          else left_q <= left;
          added_q <= wide_current + wide_bias;
          threshold_2_q <= threshold;
          u_q <= u_fit;
          threshold_3_q <= threshold_2_q;
        end
      end

      // Stage 3: fire and reset
      if (Spiking != 0) begin : gen_fire
        wire signed [MembraneBits:0] wide_u = {u_q[MembraneBits-1], u_q};
        wire signed [MembraneBits:0] wide_threshold = {
          {(MembraneBits + 1 - ThresholdBits) {1'b0}}, threshold_3_q
        };
        wire signed [MembraneBits:0] above = wide_u - wide_threshold;
        wire fire = !above[MembraneBits];
        wire [MembraneBits-1:0] after =
            (ResetMode == 0) ? above[MembraneBits-1:0] :
            (ResetMode == 1) ? {MembraneBits{1'b0}} : u_q;
        assign spikes[l] = fire;
        assign membranes_next[l*MembraneBits+:MembraneBits] =
            (fire && ResetDelay == 0) ? after : u_q;
      end else begin : gen_silent
        wire unused = &{1'b0, threshold_3_q};
        assign spikes[l] = 1'b0;
        assign membranes_next[l*MembraneBits+:MembraneBits] = u_q;
      end
    end
  endgenerate

  assign probe_valid_o = valid_3_q && run;
  assign probe_spikes_o = spikes;
  assign probe_membranes_o = membranes_next;

  // ---------------------------------------------------------------------------
  // Output register
  // ---------------------------------------------------------------------------
  wire [OutBits-1:0] out_next;
  reg [OutBits-1:0] out_q;
  reg out_valid_q;
  reg out_last_q;

  generate
    if (Spiking != 0) begin : gen_spikes
      assign out_next = spikes;
    end else begin : gen_membranes
      assign out_next = membranes_next;
    end
  endgenerate

  assign m_axis_tdata  = out_q;
  assign m_axis_tvalid = out_valid_q;
  assign m_axis_tlast  = out_last_q;

  always @(posedge clk_i) begin
    if (run) begin
      out_q <= out_next;
      out_last_q <= tlast_3_q;
    end
    if (!rst_ni) out_valid_q <= 1'b0;
    else if (run) out_valid_q <= valid_3_q && (Spiking != 0 || EveryStep != 0 || final_3_q);
  end

endmodule

`default_nettype wire
