// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// The way in where inferences are decided early: one at a time.
//
// Function    Lets the Frames frames of an inference through to the core, and no
//             beat of the next one before the decision. When stop_i tells that the
//             inference is decided, the core is reset for a clock: whatever it holds
//             of that inference is gone. Beats of it that come later are taken and
//             dropped.
// Handshake   The data go past it, from s_axis straight to the core.
// Latency     0 clocks; 2 clocks from stop_i to the first beat of the next inference.
// Throughput  One beat per clock, also of those that are dropped.
// Reset       Starts a new inference; the core is reset 1 clock later.

`default_nettype none

module spikeloom_gate #(
    parameter Frames = 1  // frames of an inference
) (
    input  wire clk_i,
    input  wire rst_ni,
    input  wire s_axis_tvalid,
    output wire s_axis_tready,
    input  wire s_axis_tlast,
    output wire m_axis_tvalid,
    input  wire m_axis_tready,
    input  wire stop_i,
    output wire begun_o,
    output wire core_rst_no
);

  localparam FrameBits = (Frames > 1) ? $clog2(Frames) : 1;
  localparam [31:0] LastFrameValue = Frames - 1;
  localparam [FrameBits-1:0] LastFrame = LastFrameValue[FrameBits-1:0];

  reg core_rst_q;
  reg [FrameBits-1:0] frame_q;
  reg begun_q;  // a beat of the inference has been taken
  reg whole_q;  // all of them have
  reg drop_q;  // what comes belongs to an inference that is decided

  wire open = core_rst_q && !whole_q && !drop_q;
  wire taken = s_axis_tvalid && s_axis_tready;
  wire ends = taken && s_axis_tlast && (frame_q == LastFrame);

  assign m_axis_tvalid = s_axis_tvalid && open;
  assign s_axis_tready = open ? m_axis_tready : drop_q;
  assign begun_o = begun_q;
  assign core_rst_no = core_rst_q;

  always @(posedge clk_i) begin
    core_rst_q <= rst_ni && !stop_i;
    if (!rst_ni) begin
      frame_q <= 0;
      begun_q <= 1'b0;
      whole_q <= 1'b0;
      drop_q  <= 1'b0;
    end else begin
      if (ends) frame_q <= 0;
      else if (taken && s_axis_tlast) frame_q <= frame_q + 1'b1;
      if (stop_i) begin
        begun_q <= 1'b0;
        whole_q <= 1'b0;
        drop_q  <= !whole_q && !ends;
      end else begin
        begun_q <= begun_q || (taken && !drop_q);
        whole_q <= whole_q || (ends && !drop_q);
        drop_q  <= drop_q && !ends;
      end
    end
  end

endmodule

`default_nettype wire
