// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// The fork: one AXI4-Stream in, the same stream for several readers.
//
// Function    Every beat goes once to every output, to each when it is ready;
//             the next beat is taken when all have it.
// Latency     None: data, tlast and tvalid pass through, tready comes back.
// Throughput  One beat per clock; the slowest output sets the pace.
// Reset       Forgets which outputs have the beat on offer.

`default_nettype none

module spikeloom_fork #(
    parameter Outputs = 2,  // readers, 1 or more
    parameter Width = 8  // bits of a beat
) (
    input  wire               clk_i,
    input  wire               rst_ni,
    input  wire [  Width-1:0] s_axis_tdata,
    input  wire               s_axis_tvalid,
    output wire               s_axis_tready,
    input  wire               s_axis_tlast,
    output wire [  Width-1:0] m_axis_tdata,
    output wire [Outputs-1:0] m_axis_tvalid,
    input  wire [Outputs-1:0] m_axis_tready,
    output wire               m_axis_tlast
);

  reg  [Outputs-1:0] done_q;  // outputs that have the beat on offer
  wire [Outputs-1:0] done = done_q | m_axis_tready;

  assign s_axis_tready = &done;
  assign m_axis_tdata  = s_axis_tdata;
  assign m_axis_tvalid = {Outputs{s_axis_tvalid}} & ~done_q;
  assign m_axis_tlast  = s_axis_tlast;

  always @(posedge clk_i) begin
    if (!rst_ni) done_q <= 0;
    else if (s_axis_tvalid) done_q <= (&done) ? 0 : done;
  end

endmodule

`default_nettype wire
