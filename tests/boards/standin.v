// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A small core with the ports of a generated one, whose answer is easy to
// foretell: two layers add a number from a table to every beat, and beat n of
// an inference counts for class n modulo the number of classes.  It thinks for
// 255 clocks, or for 8191 if bit 15 of any beat was set.

`default_nettype none

module standin_layer #(
    parameter Depth = 512,  // entries of the table, then it starts again
    parameter File  = ""
) (
    input  wire       clk_i,
    input  wire       rst_ni,
    input  wire       restart_i,      // with a beat: the table starts again after it
    input  wire [7:0] s_axis_tdata,
    input  wire       s_axis_tvalid,
    output reg  [7:0] m_axis_tdata,
    output reg        m_axis_tvalid
);

  localparam AddressBits = $clog2(Depth);

  reg [7:0] table_q[0:Depth-1];
  initial $readmemh(File, table_q);

  reg [AddressBits-1:0] address_q;
  reg [7:0] entry_q;
  reg [7:0] data_q;
  reg valid_q;

  always @(posedge clk_i) begin
    entry_q <= table_q[address_q];
    data_q <= s_axis_tdata;
    m_axis_tdata <= entry_q + data_q;
    if (!rst_ni) begin
      address_q <= 0;
      valid_q <= 1'b0;
      m_axis_tvalid <= 1'b0;
    end else begin
      if (s_axis_tvalid) address_q <= restart_i ? 0 : address_q + 1'b1;
      valid_q <= s_axis_tvalid;
      m_axis_tvalid <= valid_q;
    end
  end

endmodule

module spikeloom_standin (
    input  wire        clk_i,
    input  wire        rst_ni,
    input  wire [15:0] s_axis_tdata,
    input  wire        s_axis_tvalid,
    output wire        s_axis_tready,
    input  wire        s_axis_tlast,
    output wire [ 9:0] m_axis_tdata,
    output wire [ 1:0] m_axis_tuser,
    output wire        m_axis_tvalid,
    input  wire        m_axis_tready,
    output wire        m_axis_tlast
);

  localparam Frames = 2;

  reg frame_q;  // which frame of the inference comes in
  reg [12:0] flush_q;  // clocks since the last beat, to let the layers run dry
  reg slow_q;
  reg waiting_q;  // the last beat is in, the answer is not out

  wire beat = s_axis_tvalid && s_axis_tready;
  wire last = s_axis_tlast && frame_q;
  wire [7:0] hidden;
  wire hidden_valid;
  wire [7:0] output_data;
  wire output_valid;

  assign s_axis_tready = !waiting_q;

  standin_layer #(
      .Depth(512),
      .File ("mem/hidden.mem")
  ) u_hidden (
      .clk_i        (clk_i),
      .rst_ni       (rst_ni),
      .restart_i    (last),
      .s_axis_tdata (s_axis_tdata[7:0] ^ s_axis_tdata[15:8]),
      .s_axis_tvalid(beat),
      .m_axis_tdata (hidden),
      .m_axis_tvalid(hidden_valid)
  );

  standin_layer #(
      .Depth(4),
      .File ("mem/output.mem")
  ) u_output (
      .clk_i        (clk_i),
      .rst_ni       (rst_ni && !done),
      .restart_i    (1'b0),
      .s_axis_tdata (hidden),
      .s_axis_tvalid(hidden_valid),
      .m_axis_tdata (output_data),
      .m_axis_tvalid(output_valid)
  );

  // Signed scores of three classes; beat n counts for class n modulo 3.
  reg [9:0] score_0_q;
  reg [9:0] score_1_q;
  reg [9:0] score_2_q;
  reg [1:0] class_q;
  reg [1:0] sent_q;

  wire [9:0] term = {{2{output_data[7]}}, output_data};
  wire ready = (flush_q[7:0] == 8'd255) && (!slow_q || flush_q[12:8] == 5'd31);
  wire done = ready && m_axis_tready && m_axis_tlast;
  wire one_wins = $signed(score_1_q) > $signed(score_0_q);
  wire [9:0] best = one_wins ? score_1_q : score_0_q;

  assign m_axis_tvalid = ready;
  assign m_axis_tlast  = (sent_q == 2'd2);
  assign m_axis_tdata  = (sent_q == 2'd0) ? score_0_q : (sent_q == 2'd1) ? score_1_q : score_2_q;
  assign m_axis_tuser  = ($signed(score_2_q) > $signed(best)) ? 2'd2 : {1'b0, one_wins};

  always @(posedge clk_i) begin
    if (!rst_ni || done) begin
      frame_q   <= 1'b0;
      flush_q   <= 13'd0;
      slow_q    <= 1'b0;
      waiting_q <= 1'b0;
      score_0_q <= 10'd0;
      score_1_q <= 10'd0;
      score_2_q <= 10'd0;
      class_q   <= 2'd0;
      sent_q    <= 2'd0;
    end else begin
      if (beat && s_axis_tlast) frame_q <= !frame_q;
      if (beat && s_axis_tdata[15]) slow_q <= 1'b1;
      if (beat && last) waiting_q <= 1'b1;
      if (waiting_q && !ready) flush_q <= flush_q + 1'b1;
      if (output_valid) begin
        class_q <= (class_q == 2'd2) ? 2'd0 : class_q + 1'b1;
        if (class_q == 2'd0) score_0_q <= score_0_q + term;
        if (class_q == 2'd1) score_1_q <= score_1_q + term;
        if (class_q == 2'd2) score_2_q <= score_2_q + term;
      end
      if (ready && m_axis_tready) sent_q <= sent_q + 1'b1;
    end
  end

endmodule

`default_nettype wire
