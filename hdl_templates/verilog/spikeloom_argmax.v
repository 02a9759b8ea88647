// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// The readout: scores out one by one, and the class that has the largest.
//
// Function    Takes the scores of an inference, Lanes per beat, and sends them
//             one per beat, class 0 first. tuser of the last beat is the
//             predicted class: the first of the largest scores.
// Latency     2 clocks from a beat to its first score.
// Throughput  One score per clock.
// Reset       Starts a new inference.

`default_nettype none

module spikeloom_argmax #(
    parameter Lanes = 2,  // scores in a beat
    parameter Words = 1,  // beats in an inference
    parameter ScoreBits = 8,  // signed
    parameter ClassBits = (Lanes * Words > 1) ? $clog2(Lanes * Words) : 1
) (
    input  wire                       clk_i,
    input  wire                       rst_ni,
    input  wire [Lanes*ScoreBits-1:0] s_axis_tdata,
    input  wire                       s_axis_tvalid,
    output wire                       s_axis_tready,
    output wire [      ScoreBits-1:0] m_axis_tdata,
    output wire [      ClassBits-1:0] m_axis_tuser,
    output wire                       m_axis_tvalid,
    input  wire                       m_axis_tready,
    output wire                       m_axis_tlast
);

  localparam LaneBits = (Lanes > 1) ? $clog2(Lanes) : 1;
  localparam [31:0] LastLaneValue = Lanes - 1;
  localparam [LaneBits-1:0] LastLane = LastLaneValue[LaneBits-1:0];
  localparam [31:0] LastClassValue = Lanes * Words - 1;
  localparam [ClassBits-1:0] LastClass = LastClassValue[ClassBits-1:0];

  // ---------------------------------------------------------------------------
  // One beat of scores, shifted out lowest class first
  // ---------------------------------------------------------------------------
  reg [Lanes*ScoreBits-1:0] scores_q;
  reg [LaneBits-1:0] lane_q;
  reg held_q;

  wire move;  // the score in front goes to the output register
  wire last_lane = (lane_q == LastLane);

  assign s_axis_tready = !held_q || (move && last_lane);

  always @(posedge clk_i) begin
    if (s_axis_tready) begin
      scores_q <= s_axis_tdata;
      lane_q   <= 0;
    end else if (move) begin
      scores_q <= scores_q >> ScoreBits;
      lane_q   <= lane_q + 1'b1;
    end
    if (!rst_ni) held_q <= 1'b0;
    else if (s_axis_tready) held_q <= s_axis_tvalid;
  end

  // ---------------------------------------------------------------------------
  // The largest so far
  // ---------------------------------------------------------------------------
  reg [ClassBits-1:0] class_q;
  reg signed [ScoreBits-1:0] best_q;
  reg [ClassBits-1:0] best_class_q;
  reg [ScoreBits-1:0] data_q;
  reg valid_q;
  reg last_q;

  wire signed [ScoreBits-1:0] score = scores_q[ScoreBits-1:0];
  wire better = (class_q == 0) || (score > best_q);

  assign move = held_q && (!valid_q || m_axis_tready);
  assign m_axis_tdata = data_q;
  assign m_axis_tuser = best_class_q;
  assign m_axis_tvalid = valid_q;
  assign m_axis_tlast = last_q;

  always @(posedge clk_i) begin
    if (!rst_ni) class_q <= 0;
    else if (move) class_q <= (class_q == LastClass) ? 0 : class_q + 1'b1;

    if (move) begin
      data_q <= score;
      last_q <= (class_q == LastClass);
    end
    if (move && better) begin
      best_q <= score;
      best_class_q <= class_q;
    end
    if (!rst_ni) valid_q <= 1'b0;
    else if (move) valid_q <= 1'b1;
    else if (m_axis_tready) valid_q <= 1'b0;
  end

endmodule

`default_nettype wire
