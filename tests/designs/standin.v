// SPDX-FileCopyrightText: The Spikeloom developers
// SPDX-License-Identifier: Apache-2.0
//
// A network of 4 inputs, 3 hidden and 2 output neurons over 2 time steps, written
// straight from the semantics with the ports of a generated top.  It shows that the
// harness and the bench accept a right design, and with +break=N that they catch a
// wrong one.

`timescale 1ns / 1ps
`default_nettype none

module spikeloom_standin (
    input  wire        clk_i,
    input  wire        rst_ni,
    input  wire [15:0] s_axis_tdata,
    input  wire        s_axis_tvalid,
    output wire        s_axis_tready,
    input  wire        s_axis_tlast,
    output wire [ 2:0] m_axis_tdata,
    output wire [ 0:0] m_axis_tuser,
    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire        m_axis_tlast
`ifdef SPIKELOOM_PROBE
    ,
    output wire        probe_hidden_busy,
    output wire        probe_hidden_valid,
    output wire [ 1:0] probe_hidden_spikes,
    output wire [79:0] probe_hidden_membranes,
    output wire        probe_output_busy,
    output wire        probe_output_valid,
    output wire [ 0:0] probe_output_spikes,
    output wire [ 7:0] probe_output_membranes
`endif
);

  localparam Load = 3'd0;
  localparam Hidden0 = 3'd1;
  localparam Hidden1 = 3'd2;
  localparam Out0 = 3'd3;
  localparam Out1 = 3'd4;
  localparam Send = 3'd5;

  // What to do wrong; the test plan of the harness is this list.
  localparam BreakScore = 1;
  localparam BreakMembrane = 2;
  localparam BreakDeadlock = 3;
  localparam BreakFirstState = 4;
  localparam BreakPrediction = 5;
  localparam BreakHold = 6;
  localparam BreakExtraBeat = 7;
  localparam BreakReset = 8;
  localparam BreakIgnoreValid = 9;
  localparam BreakSpike = 10;
  localparam BreakLostProbe = 11;
  localparam BreakTlast = 12;
  localparam BreakFinish = 13;
  reg [31:0] broken;
  initial if (!$value$plusargs("break=%d", broken)) broken = 0;

  reg [2:0] state_q;
  reg beat_q;
  reg step_q;
  reg class_q;
  reg [3:0] x_q[0:3];
  reg signed [39:0] h_q[0:2];
  reg signed [7:0] o_q[0:1];
  reg [2:0] count_q[0:1];
  reg [2:0] spikes_q;
  reg clear_q;

  // Hidden neurons: I = W x, threshold 6, reset by subtraction.
  wire signed [39:0] x0 = {36'd0, x_q[0]};
  wire signed [39:0] x1 = {36'd0, x_q[1]};
  wire signed [39:0] x2 = {36'd0, x_q[2]};
  wire signed [39:0] x3 = {36'd0, x_q[3]};
  wire signed [39:0] u0 = h_q[0] + x0 - x1 + x2 + x2;
  wire signed [39:0] u1 = h_q[1] - x0 + x1 + x2 - x3;
  wire signed [39:0] u2 = h_q[2] + x1 + x1 - x2 + x3;
  wire s0 = u0 >= 6;
  wire s1 = u1 >= 6;
  wire s2 = u2 >= 6;
  wire signed [39:0] v0 = s0 ? u0 - 40'sd6 : u0;
  wire signed [39:0] v1 = s1 ? u1 - 40'sd6 : u1;
  wire signed [39:0] v2 = s2 ? u2 - 40'sd6 : u2;

  // Output neurons: threshold 2, reset by subtraction.
  wire signed [7:0] y0 = {7'd0, spikes_q[0]};
  wire signed [7:0] y1 = {7'd0, spikes_q[1]};
  wire signed [7:0] y2 = {7'd0, spikes_q[2]};
  wire signed [7:0] w0 = o_q[0] + y0 + y0 - y1 + y2;
  wire signed [7:0] w1 = o_q[1] - y0 + y1 + y1 + y2;
  wire z0 = w0 >= 2;
  wire z1 = w1 >= 2;

  wire taken = (s_axis_tvalid || broken == BreakIgnoreValid) && s_axis_tready;
  wire sent = m_axis_tvalid && (m_axis_tready || broken == BreakHold);
  wire lost = broken == BreakDeadlock && x_q[0] == 4'd3;

  assign s_axis_tready = state_q == Load;
  assign m_axis_tvalid = state_q == Send && !lost;
  assign m_axis_tdata = count_q[class_q] + {2'b00, broken == BreakScore && count_q[0] == 3'd1};
  assign m_axis_tuser = (count_q[1] > count_q[0]) ^ (broken == BreakPrediction && x_q[1] == 4'd0);
  assign m_axis_tlast = class_q || broken == BreakTlast;

  integer i;
  always @(posedge clk_i) begin
    if (broken == BreakFinish && class_q) $finish;
    case (state_q)
      Load:
      if (taken) begin
        if (beat_q) x_q[3] <= s_axis_tdata[3:0];
        else begin
          x_q[0] <= s_axis_tdata[3:0];
          x_q[1] <= s_axis_tdata[7:4];
          x_q[2] <= s_axis_tdata[11:8];
        end
        beat_q <= !s_axis_tlast;
        if (s_axis_tlast) state_q <= Hidden0;
      end
      Hidden0: begin
        h_q[0] <= v0;
        h_q[1] <= v1;
        spikes_q[0] <= s0;
        spikes_q[1] <= s1;
        state_q <= Hidden1;
      end
      Hidden1: begin
        h_q[2] <= v2;
        spikes_q[2] <= s2;
        state_q <= Out0;
      end
      Out0: begin
        o_q[0] <= z0 ? w0 - 8'sd2 : w0;
        count_q[0] <= count_q[0] + {2'b00, z0};
        state_q <= Out1;
      end
      Out1: begin
        o_q[1] <= z1 ? w1 - 8'sd2 : w1;
        count_q[1] <= count_q[1] + {2'b00, z1};
        step_q <= !step_q;
        state_q <= step_q ? Send : Hidden0;
      end
      default:
      if (sent) begin
        class_q <= !class_q;
        if (class_q) begin
          if (!(broken == BreakExtraBeat && x_q[3] == 4'd1)) state_q <= Load;
          else x_q[3] <= 4'd0;
          clear_q <= 1'b1;
        end
      end
    endcase
    if (clear_q) begin
      clear_q <= 1'b0;
      for (i = 0; i < 3; i = i + 1) h_q[i] <= 0;
      for (i = 0; i < 2; i = i + 1) o_q[i] <= 0;
      for (i = 0; i < 2; i = i + 1) count_q[i] <= 0;
    end
    if (!rst_ni) begin
      state_q <= Load;
      beat_q  <= 1'b0;
      step_q  <= 1'b0;
      class_q <= 1'b0;
      clear_q <= broken != BreakReset && broken != BreakFirstState;
    end
  end

  // Without the clear in reset, this state hides the fault until the first reset in mid-stream.
  initial
    if (broken == BreakReset) begin
      for (i = 0; i < 3; i = i + 1) h_q[i] = 0;
      for (i = 0; i < 2; i = i + 1) o_q[i] = 0;
      for (i = 0; i < 2; i = i + 1) count_q[i] = 0;
      clear_q = 1'b0;
    end

`ifdef SPIKELOOM_PROBE
  wire second = state_q == Hidden1;
  wire wrong = broken == BreakMembrane && x_q[2] == 4'd5 && step_q && state_q == Hidden0;
  assign probe_hidden_valid = (state_q == Hidden0) ||
      (second && !(broken == BreakLostProbe && x_q[0] == 4'd2));
  assign probe_hidden_busy = probe_hidden_valid;
  assign probe_output_busy = probe_output_valid;
  assign probe_hidden_spikes = second ? {1'b1, s2}
      : {s1 ^ (broken == BreakSpike && x_q[2] == 4'd5), s0};
  assign probe_hidden_membranes = second ? {40'h5a5a5a5a5a, v2} : {v1 ^ {39'd0, wrong}, v0};
  assign probe_output_valid = (state_q == Out0) || (state_q == Out1);
  assign probe_output_spikes = state_q == Out0 ? z0 : z1;
  assign probe_output_membranes = state_q == Out0 ? (z0 ? w0 - 8'sd2 : w0) : (z1 ? w1 - 8'sd2 : w1);
`endif

endmodule

`default_nettype wire
