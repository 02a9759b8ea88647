// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// The handshake of a synapse in logic, beside the pipeline that adds it up.
//
// Function    A generated matrix takes the data of s_axis and puts out that of
//             m_axis, all currents of a time step, Latency registers later; they
//             move while en_o is high. This module has everything else of the
//             two streams. What leaves is sent Repeats times: as often as an
//             input that stays the same counts.
// Length      A time step is one beat. Of a longer one the first beat counts.
// Latency     Latency clocks from a beat to its currents.
// Throughput  One beat per clock on either side; with Repeats, of m_axis.
// Reset       Forgets all beats on their way.

`default_nettype none

module spikeloom_unrolled #(
    parameter Latency = 1,  // registers of the matrix in a row, 1 or more
    parameter Repeats = 1  // beats that leave for one that comes
) (
    input  wire clk_i,
    input  wire rst_ni,
    input  wire s_axis_tvalid,
    output wire s_axis_tready,
    input  wire s_axis_tlast,
    output wire m_axis_tvalid,
    input  wire m_axis_tready,
    output wire m_axis_tlast,
    output wire en_o,
    output wire busy_o
);

  generate
    if (Latency < 1) begin : gen_check_latency
      spikeloom_error_latency_must_be_1_or_more u_error ();
    end
  endgenerate

  localparam RepeatBits = (Repeats > 1) ? $clog2(Repeats) : 1;
  localparam [31:0] LastRepeatValue = Repeats - 1;
  localparam [RepeatBits-1:0] LastRepeat = LastRepeatValue[RepeatBits-1:0];

  reg [Latency-1:0] valid_q;  // which registers hold a beat
  reg [RepeatBits-1:0] repeat_q;
  reg surplus_q;  // the time step has had its beat

  wire last_repeat = (repeat_q == LastRepeat);
  // The whole pipeline waits for its output.
  wire run = !m_axis_tvalid || (m_axis_tready && last_repeat);
  wire take = s_axis_tvalid && !surplus_q;

  assign s_axis_tready = run;
  assign m_axis_tvalid = valid_q[Latency-1];
  assign m_axis_tlast = 1'b1;
  assign en_o = run;
  assign busy_o = |valid_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      valid_q   <= 0;
      repeat_q  <= 0;
      surplus_q <= 1'b0;
    end else begin
      if (run) valid_q <= (valid_q << 1) | {{(Latency - 1) {1'b0}}, take};
      if (run && s_axis_tvalid) surplus_q <= !s_axis_tlast;
      if (m_axis_tvalid && m_axis_tready) repeat_q <= last_repeat ? 0 : repeat_q + 1'b1;
    end
  end

endmodule

`default_nettype wire
