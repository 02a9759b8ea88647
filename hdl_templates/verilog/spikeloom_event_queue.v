// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// From value words to events: a queue that forgets silence.
//
// Function    A word holds Lanes neighbouring channels of one position, each a
//             value of ValueBits bits (1: a spike). Words arrive in stream
//             order: channel fastest, then x, then y; tlast ends a time step
//             and returns to the first position, so that a short step leaves
//             the rest silent (the words of a step that is too long count at
//             the first positions again). Words that are all zero are dropped on arrival
//             and cost nothing later. Of the others every set bit becomes an
//             event: its channel, its bit plane (the weight counts 2^plane
//             times) and its position.
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
  localparam EntryBits = 1 + RowBits + ColumnBits + ChannelBits + WordBits;
  localparam [31:0] LastRowValue = Rows - 1;
  localparam [RowBits-1:0] LastRow = LastRowValue[RowBits-1:0];
  localparam [31:0] LastColumnValue = Columns - 1;
  localparam [ColumnBits-1:0] LastColumn = LastColumnValue[ColumnBits-1:0];
  localparam [31:0] LastChannelValue = (Groups - 1) * SubLanes;
  localparam [ChannelBits-1:0] LastChannel = LastChannelValue[ChannelBits-1:0];
  localparam [31:0] ChannelStepValue = (Groups > 1) ? SubLanes : 0;
  localparam [ChannelBits-1:0] ChannelStep = ChannelStepValue[ChannelBits-1:0];

  // ---------------------------------------------------------------------------
  // Position of the arriving word
  // ---------------------------------------------------------------------------
  reg [RowBits-1:0] row_q;
  reg [ColumnBits-1:0] column_q;
  reg [ChannelBits-1:0] channel_q;

  wire accept = s_axis_tvalid && s_axis_tready;
  wire last_channel = (channel_q == LastChannel);
  wire last_column = (column_q == LastColumn);
  wire last_row = (row_q == LastRow);

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      row_q <= 0;
      column_q <= 0;
      channel_q <= 0;
    end else if (accept) begin
      if (s_axis_tlast) begin
        row_q <= 0;
        column_q <= 0;
        channel_q <= 0;
      end else begin
        channel_q <= last_channel ? 0 : channel_q + ChannelStep;
        if (last_channel) column_q <= last_column ? 0 : column_q + 1'b1;
        if (last_channel && last_column) row_q <= last_row ? 0 : row_q + 1'b1;
      end
    end
  end

  // ---------------------------------------------------------------------------
  // Queue of the words that carry events or end a step
  // ---------------------------------------------------------------------------
  wire [EntryBits-1:0] head;
  wire head_valid;
  wire head_ready;
  wire queue_ready;
  wire keep = (s_axis_tdata != 0) || s_axis_tlast;

  assign s_axis_tready = queue_ready;

  spikeloom_fifo #(
      .Width(EntryBits),
      .Depth(Depth)
  ) u_fifo (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axis_tdata({s_axis_tlast, row_q, column_q, channel_q, s_axis_tdata}),
      .s_axis_tvalid(s_axis_tvalid && keep),
      .s_axis_tready(queue_ready),
      .m_axis_tdata(head),
      .m_axis_tvalid(head_valid),
      .m_axis_tready(head_ready)
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
      {last_q, found_row_q, found_column_q, found_channel_q} <= head[EntryBits-1:WordBits];
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
