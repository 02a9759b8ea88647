// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// From value words to events: a queue that forgets silence.
//
// Function    A word holds Lanes neighbouring channels of one position, each a
//             value of ValueBits bits (1: a spike). Of the words that are not
//             all zero (spikeloom_word_queue drops the others, and knows the
//             positions) every set bit becomes an event: its channel, its bit
//             plane (the weight counts 2^plane times) and its position.
// Ports       Channel c belongs to port c mod Ports. An output beat carries at
//             most one event per port, all of one position; channel_o is
//             c / Ports, the row in the weight memory of that port.
// Last        m_last_o marks the last beat of a time step. A step whose last
//             word is silent ends with a beat that carries no event.
// Capacity    Depth + 1 words, so that a layer in front can deliver a whole
//             time step while the step before is still being added up.
// Latency     4 clocks from a word to its first event.
// Throughput  One word in and one beat out per clock, without bubbles.
// Reset       Forgets everything and expects the first position.

`default_nettype none

module spikeloom_event_queue #(
    parameter Lanes = 4,  // channels in a word
    parameter ValueBits = 1,  // bits of a value, most 16
    parameter Ports = 1,  // events per clock; divides Lanes
    parameter Groups = 1,  // words per position
    parameter Columns = 1,  // positions along x
    parameter Rows = 1,  // positions along y
    parameter Depth = 4,  // words held
    // Derived, not to be set
    parameter RowBits = (Rows > 1) ? $clog2(Rows) : 1,
    parameter ColumnBits = (Columns > 1) ? $clog2(Columns) : 1,
    parameter ChannelBits = (Groups * Lanes > Ports) ? $clog2(Groups * Lanes / Ports) : 1,
    parameter PlaneBits = (ValueBits > 1) ? $clog2(ValueBits) : 1
) (
    input  wire                         clk_i,
    input  wire                         rst_ni,
    // Value words
    input  wire [  Lanes*ValueBits-1:0] s_axis_tdata,
    input  wire                         s_axis_tvalid,
    output wire                         s_axis_tready,
    input  wire                         s_axis_tlast,
    // Events
    output wire                         m_valid_o,
    input  wire                         m_ready_i,
    output wire                         m_last_o,
    output wire [          RowBits-1:0] m_row_o,
    output wire [       ColumnBits-1:0] m_column_o,
    output wire [            Ports-1:0] m_event_o,    // which ports carry an event
    output wire [Ports*ChannelBits-1:0] m_channel_o,
    output wire [  Ports*PlaneBits-1:0] m_plane_o
);

  generate
    if ((Lanes % Ports) != 0) begin : gen_check_ports
      spikeloom_error_ports_must_divide_lanes u_error ();
    end
    if (ValueBits > 16) begin : gen_check_value_bits
      spikeloom_error_value_bits_must_be_16_or_less u_error ();
    end
  endgenerate

  localparam SubLanes = Lanes / Ports;
  localparam VectorBits = SubLanes * ValueBits;
  localparam WordBits = Lanes * ValueBits;

  // ---------------------------------------------------------------------------
  // Words that carry events or end a step, with their positions
  // ---------------------------------------------------------------------------
  wire                   head_valid;
  wire                   head_ready;
  wire                   head_last;
  wire [    RowBits-1:0] head_row;
  wire [ ColumnBits-1:0] head_column;
  wire [ChannelBits-1:0] head_channel;
  wire [   WordBits-1:0] head;

  spikeloom_word_queue #(
      .Width(WordBits),
      .Groups(Groups),
      .GroupStep(SubLanes),
      .Columns(Columns),
      .Rows(Rows),
      .Depth(Depth)
  ) u_words (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axis_tdata(s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .s_axis_tlast(s_axis_tlast),
      .m_valid_o(head_valid),
      .m_ready_i(head_ready),
      .m_last_o(head_last),
      .m_row_o(head_row),
      .m_column_o(head_column),
      .m_group_o(head_channel),
      .m_word_o(head)
  );

  // ---------------------------------------------------------------------------
  // Finder: the lowest set bit of every port's vector, one per clock
  // ---------------------------------------------------------------------------
  wire [Ports*VectorBits-1:0] head_vectors;
  reg  [Ports*VectorBits-1:0] vectors_q;
  wire [Ports*VectorBits-1:0] lowest;
  wire [Ports*VectorBits-1:0] rest = vectors_q & ~lowest;
  reg                         busy_q;
  reg                         last_q;
  reg  [         RowBits-1:0] found_row_q;
  reg  [      ColumnBits-1:0] found_column_q;
  reg  [     ChannelBits-1:0] found_channel_q;

  wire                        advance;
  wire                        exhausted = (rest == 0);

  assign head_ready = !busy_q || (advance && exhausted);

  genvar p, k, b;
  generate
    for (p = 0; p < Ports; p = p + 1) begin : gen_vector
      // Plane-major: bit plane * SubLanes + k stands for channel k * Ports + p.
      for (k = 0; k < SubLanes; k = k + 1) begin : gen_channel
        for (b = 0; b < ValueBits; b = b + 1) begin : gen_plane
          assign head_vectors[p*VectorBits+b*SubLanes+k] = head[(k*Ports+p)*ValueBits+b];
        end
      end
      wire [VectorBits-1:0] vector = vectors_q[p*VectorBits+:VectorBits];
      assign lowest[p*VectorBits+:VectorBits] = vector & (~vector + 1'b1);
    end
  endgenerate

  always @(posedge clk_i) begin
    if (head_ready) begin
      vectors_q <= head_vectors;
      last_q <= head_last;
      found_row_q <= head_row;
      found_column_q <= head_column;
      found_channel_q <= head_channel;
    end else if (advance) begin
      vectors_q <= rest;
    end
    if (!rst_ni) busy_q <= 1'b0;
    else if (head_ready) busy_q <= head_valid;
  end

  // ---------------------------------------------------------------------------
  // Output register: events as one-hot vectors, encoded behind it
  // ---------------------------------------------------------------------------
  reg                        valid_q;
  reg                        out_last_q;
  reg [         RowBits-1:0] out_row_q;
  reg [      ColumnBits-1:0] out_column_q;
  reg [     ChannelBits-1:0] out_channel_q;
  reg [Ports*VectorBits-1:0] one_hot_q;

  assign advance = !valid_q || m_ready_i;

  always @(posedge clk_i) begin
    if (advance) begin
      out_last_q <= last_q && exhausted;
      out_row_q <= found_row_q;
      out_column_q <= found_column_q;
      out_channel_q <= found_channel_q;
      one_hot_q <= lowest;
    end
    if (!rst_ni) valid_q <= 1'b0;
    else if (advance) valid_q <= busy_q;
  end

  assign m_valid_o  = valid_q;
  assign m_last_o   = out_last_q;
  assign m_row_o    = out_row_q;
  assign m_column_o = out_column_q;

  generate
    for (p = 0; p < Ports; p = p + 1) begin : gen_encode
      wire [VectorBits-1:0] one_hot = one_hot_q[p*VectorBits+:VectorBits];
      reg [ChannelBits-1:0] offset;
      reg [PlaneBits-1:0] plane;
      integer i, j;
      always @(*) begin
        offset = 0;
        plane  = 0;
        for (j = 0; j < ValueBits; j = j + 1) begin
          for (i = 0; i < SubLanes; i = i + 1) begin
            if (one_hot[j*SubLanes+i]) begin
              offset = offset | i[ChannelBits-1:0];
              plane  = plane | j[PlaneBits-1:0];
            end
          end
        end
      end
      assign m_event_o[p] = (one_hot != 0);
      assign m_channel_o[p*ChannelBits+:ChannelBits] = out_channel_q + offset;
      assign m_plane_o[p*PlaneBits+:PlaneBits] = plane;
    end
  endgenerate

endmodule

`default_nettype wire
