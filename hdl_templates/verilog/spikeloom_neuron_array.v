// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A group of neurons side by side: a time step of currents in, its spikes out.
//
// Function    That of spikeloom_neuron: per neuron and time step, signed integers,
//               u = leak(v) + current + bias       leak: a sum of shifts
//               u = clamp(u), where Saturate is set
//               spike = u >= threshold
//               v = spike ? (u - threshold | 0 | u) : u
//             v is 0 before the first step of an inference, of which there are
//             TimeSteps. With ResetDelay the reset waits for the next step:
//             v = u, and a neuron that fired starts the step from
//             leak(v) - threshold, or from 0.
//             Without Spiking nothing fires, and only the beat of the last time
//             step (with EveryStep of all) leaves, as membranes.
// Format      v and u MembraneBits wide; sums are formed in SumBits, which
//             width inference proves to be enough.
// Order       A beat is a time step of all Neurons.
// Constants   One bias and one threshold for each neuron, which become logic.
// Loop        What starts a step is cleared with the last step of an inference, so
//             that nothing has to look whether a step is the first. Without a clamp
//             u - threshold alone is kept: its sign is the spike, and the threshold is
//             added back where there was none. Else u and u - threshold are added
//             up side by side, and the clamp acts on what starts the next step.
// Stalls      A second output register takes what comes while the first is not taken,
//             so that s_axis_tready does not depend on m_axis_tready.
// Latency     3 clocks from a beat to its spikes.
// Throughput  One time step per clock.
// Reset       Starts a new inference.

`default_nettype none

module spikeloom_neuron_array #(
    parameter Neurons = 4,  // neurons, all in one beat
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
    parameter ThresholdBits = 2,  // bits of a threshold, unsigned
    // one of each for every neuron, the first lowest
    parameter [Neurons*BiasBits-1:0] Biases = 0,
    parameter [Neurons*ThresholdBits-1:0] Thresholds = {(Neurons * ThresholdBits) {1'b1}},
    // Derived, not to be set
    parameter OutBits = (Spiking != 0) ? Neurons : Neurons * MembraneBits
) (
    input  wire                            clk_i,
    input  wire                            rst_ni,
    input  wire [ Neurons*CurrentBits-1:0] s_axis_tdata,
    input  wire                            s_axis_tvalid,
    output wire                            s_axis_tready,
    input  wire                            s_axis_tlast,
    output wire [             OutBits-1:0] m_axis_tdata,
    output wire                            m_axis_tvalid,
    input  wire                            m_axis_tready,
    output wire                            m_axis_tlast,
    // What every neuron did, for verification; one clock per beat
    output wire                            probe_valid_o,
    output wire [             Neurons-1:0] probe_spikes_o,
    output wire [Neurons*MembraneBits-1:0] probe_membranes_o
);

  generate
    if (SumBits < MembraneBits || SumBits < CurrentBits || SumBits < BiasBits) begin : gen_check_sum
      spikeloom_error_sum_bits_must_hold_membrane_current_and_bias u_error ();
    end
    if (Spiking != 0 && ThresholdBits >= MembraneBits) begin : gen_check_threshold
      spikeloom_error_threshold_must_fit_a_membrane u_error ();
    end
  endgenerate

  localparam StepBits = (TimeSteps > 1) ? $clog2(TimeSteps) : 1;
  localparam [31:0] LastStepValue = TimeSteps - 1;
  localparam [StepBits-1:0] LastStep = LastStepValue[StepBits-1:0];
  localparam WorkBits = SumBits + 1;  // u - threshold cannot wrap
  localparam signed [MembraneBits-1:0] Maximum = {1'b0, {(MembraneBits - 1) {1'b1}}};
  localparam signed [MembraneBits-1:0] Minimum = ~Maximum;
  // No clamp, and a reset at once: one number is all that a neuron has to keep.
  localparam Lean = (Saturate == 0) && (Spiking != 0) &&
      ((ResetMode == 0 && ResetDelay == 0) || (ResetMode == 1));

  reg spare_valid_q;  // both output registers are full

  // The whole pipeline waits for its output.
  wire run = !spare_valid_q;

  // ---------------------------------------------------------------------------
  // Controls of stages 1 and 2
  // ---------------------------------------------------------------------------
  reg [StepBits-1:0] step_q;
  reg valid_1_q;
  reg final_1_q;  // of the last time step
  reg valid_2_q;  // a result leaves

  wire update = run && valid_1_q;
  wire clear = !rst_ni || (update && final_1_q);  // the next step is a first one
  wire unused_last = &{1'b0, s_axis_tlast};  // every beat is the last of its step

  assign s_axis_tready = run;

  always @(posedge clk_i) begin
    if (run) final_1_q <= (step_q == LastStep);
    if (!rst_ni) begin
      step_q <= 0;
      valid_1_q <= 1'b0;
      valid_2_q <= 1'b0;
    end else if (run) begin
      if (s_axis_tvalid) step_q <= (step_q == LastStep) ? 0 : step_q + 1'b1;
      valid_1_q <= s_axis_tvalid;
      valid_2_q <= valid_1_q && (Spiking != 0 || EveryStep != 0 || final_1_q);
    end
  end

  // ---------------------------------------------------------------------------
  // Arithmetic, neuron by neuron
  // ---------------------------------------------------------------------------
  wire [Neurons-1:0] spikes;  // of the step that is updated
  wire [Neurons*MembraneBits-1:0] membranes;  // after it

  // That of spikeloom_neuron: a module for both would hide ten lines behind a port list.
  function signed [WorkBits-1:0] leak(input signed [MembraneBits-1:0] v);
    integer i;
    reg signed [WorkBits-1:0] wide;
    begin
      wide = {{(WorkBits - MembraneBits) {v[MembraneBits-1]}}, v};
      leak = 0;
      for (i = 0; i < LeakTerms; i = i + 1) begin
        if (Leak[6*i+5]) leak = leak - (wide >>> Leak[6*i+:5]);
        else leak = leak + (wide >>> Leak[6*i+:5]);
      end
    end
  endfunction

  genvar n;
  generate
    for (n = 0; n < Neurons; n = n + 1) begin : gen_neuron
      localparam signed [WorkBits-1:0] Bias = {
        {(WorkBits - BiasBits) {Biases[n*BiasBits+BiasBits-1]}}, Biases[n*BiasBits+:BiasBits]
      };
      localparam signed [WorkBits-1:0] Threshold = (Spiking == 0) ? {WorkBits{1'b0}} : {
        {(WorkBits - ThresholdBits) {1'b0}}, Thresholds[n*ThresholdBits+:ThresholdBits]
      };
      wire [CurrentBits-1:0] current = s_axis_tdata[n*CurrentBits+:CurrentBits];
      wire signed [WorkBits-1:0] wide_current = {
        {(WorkBits - CurrentBits) {current[CurrentBits-1]}}, current
      };

      // Stage 1: what the step adds, less the threshold once, or twice
      reg signed [WorkBits-1:0] added_q;
      reg signed [WorkBits-1:0] lowered_q;
      reg signed [WorkBits-1:0] twice_q;

      always @(posedge clk_i) begin
        if (run) begin
          added_q <= wide_current + Bias;
          lowered_q <= wide_current + (Bias - Threshold);
          twice_q <= wide_current + (Bias - Threshold - Threshold);
        end
      end

      // Stage 2: the step, from what starts it
      wire signed [MembraneBits-1:0] start;
      wire signed [WorkBits-1:0] left = leak((TimeSteps == 1) ? {MembraneBits{1'b0}} : start);
      wire signed [MembraneBits-1:0] u_fit;
      wire fire;

      if (Lean) begin : gen_lean
        reg signed [MembraneBits:0] above_q;  // u - threshold
        wire signed [WorkBits-1:0] above = left + lowered_q;
        wire fired = !above_q[MembraneBits];
        wire [MembraneBits-1:0] kept =
            (ResetMode == 1 && fired) ? {MembraneBits{1'b0}} : above_q[MembraneBits-1:0];
        wire unused = &{1'b0, above, added_q, twice_q};

        always @(posedge clk_i) begin
          if (clear) above_q <= 0;  // as if it had just fired
          else if (update) above_q <= above[MembraneBits:0];
        end

        assign start = kept + (fired ? {MembraneBits{1'b0}} : Threshold[MembraneBits-1:0]);
        assign fire = !above[MembraneBits];
        assign u_fit = above[MembraneBits-1:0] + Threshold[MembraneBits-1:0];
      end else begin : gen_general
        localparam signed [MembraneBits-1:0] High = (ResetMode == 0 && ResetDelay == 0) ?
            Maximum - Threshold[MembraneBits-1:0] :
            (ResetMode == 1) ? {MembraneBits{1'b0}} : Maximum;
        reg signed [MembraneBits-1:0] u_q;
        reg signed [MembraneBits-1:0] above_q;  // u - threshold
        reg clamp_q;  // u is above or below what a membrane holds
        reg high_q;  // it fires; where nothing fires: u is above
        wire late = (ResetMode == 0) && (ResetDelay != 0) && high_q;
        wire signed [WorkBits-1:0] u = left + (late ? lowered_q : added_q);
        wire signed [WorkBits-1:0] above = left + (late ? twice_q : lowered_q);
        wire [WorkBits-MembraneBits:0] top = u[WorkBits-1:MembraneBits-1];
        wire is_high = (Saturate != 0) && !u[WorkBits-1] && (|top);
        wire is_low = (Saturate != 0) && u[WorkBits-1] && !(&top);
        wire unused = &{1'b0, above};

        always @(posedge clk_i) begin
          if (clear) begin
            u_q <= 0;
            clamp_q <= 1'b0;
            high_q <= 1'b0;
          end else if (update) begin
            u_q <= u[MembraneBits-1:0];
            clamp_q <= is_high || is_low;
            high_q <= (Spiking != 0) ? fire : is_high;
          end
          if (update) above_q <= above[MembraneBits-1:0];
        end

        assign start = clamp_q ? (high_q ? High : Minimum) :
            (!high_q || ResetMode == 2) ? u_q :
            (ResetMode == 1) ? {MembraneBits{1'b0}} : (ResetDelay == 0) ? above_q : u_q;
        assign fire = (Spiking != 0) && (is_high || (!is_low && !above[WorkBits-1]));
        assign u_fit = is_high ? Maximum : is_low ? Minimum : u[MembraneBits-1:0];
      end

      assign spikes[n] = fire;
      assign membranes[n*MembraneBits+:MembraneBits] =
          (!fire || ResetDelay != 0 || ResetMode == 2) ? u_fit :
          (ResetMode == 0) ? u_fit - Threshold[MembraneBits-1:0] : {MembraneBits{1'b0}};
    end
  endgenerate

  assign probe_valid_o = update;
  assign probe_spikes_o = spikes;
  assign probe_membranes_o = membranes;

  // ---------------------------------------------------------------------------
  // Results, and two output registers
  // ---------------------------------------------------------------------------
  wire [OutBits-1:0] result;
  reg [OutBits-1:0] inverse_q;  // of a sign: nothing lies between the adder and the register
  reg [OutBits-1:0] spare_q;
  reg [OutBits-1:0] out_q;
  reg offered_q;

  generate
    if (Spiking != 0) begin : gen_spikes
      assign result = spikes;
    end else begin : gen_membranes
      wire unused = &{1'b0, Thresholds};
      assign result = membranes;
    end
  endgenerate

  assign m_axis_tdata  = out_q;
  assign m_axis_tvalid = offered_q;
  assign m_axis_tlast  = 1'b1;

  always @(posedge clk_i) begin
    if (update) inverse_q <= ~result;
    if (run) spare_q <= ~inverse_q;
    if (!offered_q || m_axis_tready) out_q <= spare_valid_q ? spare_q : ~inverse_q;
    if (!rst_ni) begin
      offered_q <= 1'b0;
      spare_valid_q <= 1'b0;
    end else if (!offered_q || m_axis_tready) begin
      offered_q <= spare_valid_q || valid_2_q;
      spare_valid_q <= 1'b0;
    end else begin
      spare_valid_q <= spare_valid_q || valid_2_q;
    end
  end

endmodule

`default_nettype wire
