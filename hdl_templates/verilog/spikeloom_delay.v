// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A delay of one time step: what came in one step leaves in the next.
//
// Function    An inference leaves as a step of Words zero beats and then all its
//             steps but the last, which is taken and dropped. The zero step of
//             an inference follows the inference before at once: it waits for
//             no input, so that a loop through the delay can start.
//             With TimeSteps 1 nothing but zero steps leaves: one after a reset,
//             then one for each step that has come, beat by beat.
// Length      tlast ends a step of the input; one has Words beats.
// Capacity    Depth + 1 beats, so a whole step is taken whatever becomes of the
//             output. Beats that are dropped need no place.
// Latency     2 clocks from a beat to its copy; none for the zero step.
// Throughput  One beat per clock on both sides; with Depth 1 a beat that is kept
//             takes 2.
// Reset       Forgets all beats and starts a new inference.

`default_nettype none

module spikeloom_delay #(
    parameter Width = 8,  // bits of a beat
    parameter Words = 4,  // beats per time step
    parameter TimeSteps = 4,  // time steps of an inference
    parameter Depth = 4  // beats in the memory, Words or more
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire [Width-1:0] s_axis_tdata,
    input  wire             s_axis_tvalid,
    output wire             s_axis_tready,
    input  wire             s_axis_tlast,
    output wire [Width-1:0] m_axis_tdata,
    output wire             m_axis_tvalid,
    input  wire             m_axis_tready,
    output wire             m_axis_tlast
);

  generate
    if (Depth < Words) begin : gen_check_depth
      spikeloom_error_depth_must_hold_a_time_step u_error ();
    end
  endgenerate

  localparam WordBits = (Words > 1) ? $clog2(Words) : 1;
  localparam StepBits = (TimeSteps > 1) ? $clog2(TimeSteps) : 1;
  localparam [31:0] LastWordValue = Words - 1;
  localparam [WordBits-1:0] LastWord = LastWordValue[WordBits-1:0];
  localparam [31:0] LastStepValue = TimeSteps - 1;
  localparam [StepBits-1:0] LastStep = LastStepValue[StepBits-1:0];

  // ---------------------------------------------------------------------------
  // Input: the last step of an inference is dropped
  // ---------------------------------------------------------------------------
  // The only step of an inference is kept: its beats are turned into the zeros
  // of the next one, which would leave without end otherwise.
  reg [StepBits-1:0] in_step_q;
  wire drop = (TimeSteps > 1) && (in_step_q == LastStep);
  wire fifo_ready;

  assign s_axis_tready = drop || fifo_ready;

  always @(posedge clk_i) begin
    if (!rst_ni) in_step_q <= 0;
    else if (s_axis_tvalid && s_axis_tready && s_axis_tlast) begin
      in_step_q <= (in_step_q == LastStep) ? 0 : in_step_q + 1'b1;
    end
  end

  // ---------------------------------------------------------------------------
  // Output: a zero step, then what was kept
  // ---------------------------------------------------------------------------
  reg [WordBits-1:0] word_q;
  reg [StepBits-1:0] out_step_q;
  reg zero_q;  // a zero step is on offer
  wire [Width-1:0] kept;
  wire kept_valid;
  wire last_word = (word_q == LastWord);
  wire last_step = (out_step_q == LastStep);

  assign m_axis_tdata  = (zero_q || TimeSteps == 1) ? {Width{1'b0}} : kept;
  assign m_axis_tvalid = zero_q || kept_valid;
  assign m_axis_tlast  = last_word;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      word_q <= 0;
      out_step_q <= 0;
      zero_q <= 1'b1;
    end else if (m_axis_tvalid && m_axis_tready) begin
      word_q <= last_word ? 0 : word_q + 1'b1;
      if (last_word) begin
        out_step_q <= last_step ? 0 : out_step_q + 1'b1;
        zero_q <= last_step && (TimeSteps > 1);
      end
    end
  end

  spikeloom_fifo #(
      .Width(Width),
      .Depth(Depth)
  ) u_fifo (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axis_tdata(s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid && !drop),
      .s_axis_tready(fifo_ready),
      .m_axis_tdata(kept),
      .m_axis_tvalid(kept_valid),
      .m_axis_tready(m_axis_tready && !zero_q)
  );

endmodule

`default_nettype wire
