// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// From value words to events: a queue that forgets silence.
//
// Function    A word holds Lanes neighbouring channels of one position, each a
//             value of ValueBits bits (1: a spike). Of the words that are not
//             all zero (spikeloom_word_queue drops the others, and knows the
//             positions) every set bit becomes an event: its channel, its
//             position, and as its code the bit plane (the weight counts
//             2^plane times).
// Fields      With FieldValues above 0 an event is a field of so many
//             neighbouring channels that are not all zero, and its code are the
//             bits of the field: fewer events, which select sums of weights.
// Banks       Channel (or field) c belongs to bank c mod Banks, which is a
//             memory behind the queue; channel_o is its row there, c / Banks.
//             A bank has one port, or two (Ports = 2 * Banks), and sends as
//             many of its events per clock: with two, the lowest and the highest.
// Beats       An output beat carries at most one event per port, all of one
//             position. The code of a port without an event is 0. How many beats
//             a word makes is counted when it arrives, so that nothing has to
//             look for the last of its events.
// Last        m_last_o marks the last beat of a time step. A step whose last
//             word is silent ends with a beat that carries no event.
// Capacity    Depth + 3 words, so that a layer in front can deliver a whole
//             time step while the step before is still being added up.
// Latency     6 clocks from a word to its first event.
// Throughput  One word in and one beat out per clock, without bubbles.
// Reset       Forgets everything and expects the first position.

`default_nettype none

module spikeloom_event_queue #(
    parameter Lanes = 4,  // channels in a word
    parameter ValueBits = 1,  // bits of a value, most 16
    parameter FieldValues = 0,  // channels of a field; 0: every set bit is an event
    parameter Banks = 1,  // memories that the channels or fields are spread over
    parameter Ports = 1,  // events per clock: Banks, or twice as many
    parameter Groups = 1,  // words per position
    parameter Columns = 1,  // positions along x
    parameter Rows = 1,  // positions along y
    parameter Depth = 4,  // words held
    // Derived, not to be set
    parameter RowBits = (Rows > 1) ? $clog2(Rows) : 1,
    parameter ColumnBits = (Columns > 1) ? $clog2(Columns) : 1,
    parameter Units = (FieldValues > 0) ? Lanes / FieldValues : Lanes,
    parameter ChannelBits = (Groups * Units > Banks) ? $clog2(Groups * Units / Banks) : 1,
    parameter PlaneBits = (ValueBits > 1) ? $clog2(ValueBits) : 1,
    parameter CodeBits = (FieldValues > 0) ? FieldValues * ValueBits : PlaneBits
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
    output wire [   Ports*CodeBits-1:0] m_code_o
);

  generate
    if ((Units % Banks) != 0) begin : gen_check_banks
      spikeloom_error_banks_must_divide_channels_or_fields u_error ();
    end
    if (Ports != Banks && Ports != 2 * Banks) begin : gen_check_ports
      spikeloom_error_a_bank_has_one_port_or_two u_error ();
    end
    if (FieldValues > 0 && (Lanes % (FieldValues + (FieldValues == 0))) != 0) begin : gen_check_fields
      spikeloom_error_field_values_must_divide_lanes u_error ();
    end
    if (ValueBits > 16) begin : gen_check_value_bits
      spikeloom_error_value_bits_must_be_16_or_less u_error ();
    end
  endgenerate

  localparam SubUnits = Units / Banks;  // of a word in a bank
  localparam Planes = (FieldValues > 0) ? 1 : ValueBits;
  localparam VectorBits = SubUnits * Planes;
  localparam BankPorts = Ports / Banks;
  localparam WordBits = Lanes * ValueBits;
  localparam UnitBits = WordBits / Units;
  localparam CountBits = $clog2(VectorBits + 1);
  localparam Chunk = 8;  // events that are counted in one clock
  localparam Chunks = (VectorBits + Chunk - 1) / Chunk;
  localparam ChunkBits = (CountBits < 4) ? CountBits : 4;

  genvar p, k, b;

  // The vector of a bank: of the channels (or fields) 0, Banks, 2 * Banks, ... of the word.
  // Plane-major: bit plane * SubUnits + unit stands for channel (or field) unit * Banks.
  function [VectorBits-1:0] vector_of(input [WordBits-1:0] word);
    integer plane, unit;
    for (plane = 0; plane < Planes; plane = plane + 1) begin
      for (unit = 0; unit < SubUnits; unit = unit + 1) begin
        vector_of[plane*SubUnits+unit] = (FieldValues > 0) ?
            (word[unit*Banks*UnitBits+:UnitBits] != 0) : word[unit*Banks*UnitBits+plane];
      end
    end
  endfunction

  // ---------------------------------------------------------------------------
  // Arrival: a register for the word, and another one in which parts of it are
  // counted; the parts are added up on their way into the queue
  // ---------------------------------------------------------------------------
  reg  [ WordBits-1:0] word_1_q;
  reg  [ WordBits-1:0] word_2_q;
  reg                  valid_1_q;
  reg                  valid_2_q;
  reg                  tlast_1_q;
  reg                  tlast_2_q;
  reg  [Banks*Chunks*ChunkBits-1:0] counts_1;
  reg  [Banks*Chunks*ChunkBits-1:0] counts_2_q;
  wire                 ready_1;
  wire                 ready_2;
  wire [Banks*VectorBits-1:0] vectors_1;
  reg  [CountBits-1:0] count;  // of the bank
  reg  [CountBits-1:0] beats;  // of the busiest bank

  assign s_axis_tready = !valid_1_q || ready_1;
  assign ready_1 = !valid_2_q || ready_2;

  generate
    for (b = 0; b < Banks; b = b + 1) begin : gen_bank
      assign vectors_1[b*VectorBits+:VectorBits] = vector_of(word_1_q >> (b * UnitBits));
    end
  endgenerate

  always @(*) begin : count_chunks
    integer i, j;
    counts_1 = 0;
    for (j = 0; j < Banks; j = j + 1) begin
      for (i = 0; i < VectorBits; i = i + 1) begin
        counts_1[(j*Chunks+i/Chunk)*ChunkBits+:ChunkBits] =
            counts_1[(j*Chunks+i/Chunk)*ChunkBits+:ChunkBits] +
            {{(ChunkBits - 1) {1'b0}}, vectors_1[j*VectorBits+i]};
      end
    end
  end

  always @(*) begin : count_beats
    integer i, j;
    beats = 0;
    for (j = 0; j < Banks; j = j + 1) begin
      count = 0;
      for (i = 0; i < Chunks; i = i + 1) begin
        count = count + {{(CountBits - ChunkBits) {1'b0}},
                         counts_2_q[(j*Chunks+i)*ChunkBits+:ChunkBits]};
      end
      if (BankPorts > 1) count = (count >> 1) + {{(CountBits - 1) {1'b0}}, count[0]};
      if (count > beats) beats = count;
    end
  end

  always @(posedge clk_i) begin
    if (s_axis_tready) begin
      word_1_q  <= s_axis_tdata;
      tlast_1_q <= s_axis_tlast;
    end
    if (ready_1) begin
      word_2_q  <= word_1_q;
      tlast_2_q <= tlast_1_q;
      counts_2_q <= counts_1;
    end
    if (!rst_ni) begin
      valid_1_q <= 1'b0;
      valid_2_q <= 1'b0;
    end else begin
      if (s_axis_tready) valid_1_q <= s_axis_tvalid;
      if (ready_1) valid_2_q <= valid_1_q;
    end
  end

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
  wire [  CountBits-1:0] head_beats;

  spikeloom_word_queue #(
      .Width(CountBits + WordBits),
      .Groups(Groups),
      .GroupStep(SubUnits),
      .Columns(Columns),
      .Rows(Rows),
      .Depth(Depth)
  ) u_words (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axis_tdata({beats, word_2_q}),
      .s_axis_tvalid(valid_2_q),
      .s_axis_tready(ready_2),
      .s_axis_tlast(tlast_2_q),
      .m_valid_o(head_valid),
      .m_ready_i(head_ready),
      .m_last_o(head_last),
      .m_row_o(head_row),
      .m_column_o(head_column),
      .m_group_o(head_channel),
      .m_word_o({head_beats, head})
  );

  // ---------------------------------------------------------------------------
  // Finder: the lowest set bit of every bank's vector, and the highest where a
  // bank has two ports, in every clock
  // ---------------------------------------------------------------------------
  wire [Banks*VectorBits-1:0] head_vectors;
  reg  [Banks*VectorBits-1:0] vectors_q;
  wire [Ports*VectorBits-1:0] found;  // one bit of the vector of its bank, or none
  wire [Banks*VectorBits-1:0] rest;
  reg                         busy_q;
  reg                         last_q;
  reg  [       CountBits-1:0] left_q;  // beats of this word
  wire [       CountBits-1:0] left = left_q - 1'b1;
  reg                         exhausted_q;  // this is the last one
  reg  [         RowBits-1:0] found_row_q;
  reg  [      ColumnBits-1:0] found_column_q;
  reg  [     ChannelBits-1:0] found_channel_q;

  wire                        advance;

  assign head_ready = !busy_q || (advance && exhausted_q);

  generate
    for (b = 0; b < Banks; b = b + 1) begin : gen_find
      assign head_vectors[b*VectorBits+:VectorBits] = vector_of(head >> (b * UnitBits));

      wire [VectorBits-1:0] vector = vectors_q[b*VectorBits+:VectorBits];
      wire [VectorBits-1:0] lowest = vector & (~vector + 1'b1);
      assign found[b*BankPorts*VectorBits+:VectorBits] = lowest;

      if (BankPorts > 1) begin : gen_highest
        wire [VectorBits-1:0] reversed;
        wire [VectorBits-1:0] first = reversed & (~reversed + 1'b1);
        wire [VectorBits-1:0] highest;
        for (k = 0; k < VectorBits; k = k + 1) begin : gen_reverse
          assign reversed[k] = vector[VectorBits-1-k];
          assign highest[k]  = first[VectorBits-1-k] & ~lowest[k];
        end
        assign found[(b*BankPorts+1)*VectorBits+:VectorBits] = highest;
        assign rest[b*VectorBits+:VectorBits] = vector & ~lowest & ~highest;
      end else begin : gen_lowest
        assign rest[b*VectorBits+:VectorBits] = vector & ~lowest;
      end
    end
  endgenerate

  always @(posedge clk_i) begin
    if (head_ready) begin
      vectors_q <= head_vectors;
      left_q <= head_beats;
      exhausted_q <= (head_beats <= 1);
      last_q <= head_last;
      found_row_q <= head_row;
      found_column_q <= head_column;
      found_channel_q <= head_channel;
    end else if (advance) begin
      vectors_q <= rest;
      left_q <= left;
      exhausted_q <= (left <= 1);
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
      out_last_q <= last_q && exhausted_q;
      out_row_q <= found_row_q;
      out_column_q <= found_column_q;
      out_channel_q <= found_channel_q;
      one_hot_q <= found;
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
      integer i, j;
      always @(*) begin
        offset = 0;
        for (j = 0; j < Planes; j = j + 1) begin
          for (i = 0; i < SubUnits; i = i + 1) begin
            if (one_hot[j*SubUnits+i]) offset = offset | i[ChannelBits-1:0];
          end
        end
      end
      assign m_event_o[p] = (one_hot != 0);
      assign m_channel_o[p*ChannelBits+:ChannelBits] = out_channel_q + offset;
    end

    if (FieldValues > 0) begin : gen_fields
      // The word, one clock behind and then two: beside its vectors, and beside the events.
      reg [WordBits-1:0] word_q;
      reg [WordBits-1:0] out_word_q;

      always @(posedge clk_i) begin
        if (head_ready) word_q <= head;
        if (advance) out_word_q <= word_q;
      end

      for (p = 0; p < Ports; p = p + 1) begin : gen_code
        reg [CodeBits-1:0] field;
        integer i;
        always @(*) begin
          field = 0;
          for (i = 0; i < SubUnits; i = i + 1) begin
            if (one_hot_q[p*VectorBits+i])
              field = field | out_word_q[(i*Banks+p/BankPorts)*UnitBits+:UnitBits];
          end
        end
        assign m_code_o[p*CodeBits+:CodeBits] = field;
      end
    end else begin : gen_bit_planes
      for (p = 0; p < Ports; p = p + 1) begin : gen_code
        reg [CodeBits-1:0] plane;
        integer i, j;
        always @(*) begin
          plane = 0;
          for (j = 0; j < Planes; j = j + 1) begin
            for (i = 0; i < SubUnits; i = i + 1) begin
              if (one_hot_q[p*VectorBits+j*SubUnits+i]) plane = plane | j[CodeBits-1:0];
            end
          end
        end
        assign m_code_o[p*CodeBits+:CodeBits] = plane;
      end
    end
  endgenerate

endmodule

`default_nettype wire
