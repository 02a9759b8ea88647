// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// An engine that keeps channels apart: depthwise convolution, token mixing and
// pooling. It works on words of Lanes neighbouring channels, not on single bits.
//
// Function    Every word that is not all zero goes to the outputs that the
//             address rule names, and there to the word of its own channels.
//   Mode 0      Weights. Of each bit plane of the word a lane whose bit is set
//               adds its weight, shifted left by the plane; empty planes cost
//               nothing. Row of the weight memory, as the tables and steps
//               count it (tap address A):
//                 Shared 0   A + group: Lanes weights, one for each channel
//                 Shared 1   A: one weight for all channels
//   Mode 1      Sum pooling: each lane adds its value.
//   Mode 2      Max pooling: each lane keeps the largest value. Signed values
//               are counted from the smallest, which is what an output without
//               a word would be.
// Outputs     Word of the results: the output address of the tables + group.
// Tables      As in spikeloom_address_rule, with addresses of WeightDepth and of
//             Depth words. Modes 1 and 2 have no weights: WeightDepth 1.
// Format      Results are CurrentBits wide: signed, or unsigned where modes 1
//             and 2 have unsigned values. Sums wrap.
// Cycles      Per time step: the sum over the words (mode 0: and their planes
//             that are not empty) of the taps, at least 1, plus the sweep of
//             the outputs, plus a constant. With 2 Buffers the sweep overlaps with
//             the visits of the next step.
// Stalls      Any stall on either stream is legal and changes no result.

`default_nettype none

module spikeloom_channelwise #(
    parameter Lanes = 4,  // channels in an input word
    parameter ValueBits = 1,  // bits of a value
    parameter InGroups = 1,  // input words per position
    parameter Columns = 1,  // input positions along x
    parameter Rows = 1,  // input positions along y
    parameter QueueDepth = 4,  // input words held
    parameter Mode = 0,  // 0 weights, 1 sum pooling, 2 max pooling
    parameter Signed = 0,  // 1: values are signed (modes 1 and 2)
    parameter Shared = 0,  // 1: one weight for all channels (mode 0)
    // Address rule
    parameter TapBits = 1,  // bits of a tap count
    parameter RowTapStep = 0,  // weight address from one row tap to the next
    parameter RowOutputStep = 0,  // result address from one output row to the next
    parameter ColumnTapStep = 0,  // weight address from one column tap to the next
    parameter ColumnOutputStep = 0,  // result address from one output column to the next
    parameter RowFile = "",  // table of the rows, hexadecimal
    parameter ColumnFile = "",  // table of the columns, hexadecimal
    // Weights
    parameter WeightBits = 4,  // bits of a weight, signed
    parameter WeightDepth = 1,  // rows of the weight memory
    parameter WeightFile = "",  // the weights, hexadecimal
    // Results
    parameter OutLanes = 4,  // results in an output beat; divides Lanes
    parameter Depth = 1,  // words of results
    parameter Buffers = 1,  // 2: a step is added up while the one before it leaves
    parameter CurrentBits = 8,  // bits of a result
    parameter Repeats = 1  // times that the results of one step are sent
) (
    input  wire                            clk_i,
    input  wire                            rst_ni,
    input  wire [     Lanes*ValueBits-1:0] s_axis_tdata,
    input  wire                            s_axis_tvalid,
    output wire                            s_axis_tready,
    input  wire                            s_axis_tlast,
    output wire [OutLanes*CurrentBits-1:0] m_axis_tdata,
    output wire                            m_axis_tvalid,
    input  wire                            m_axis_tready,
    output wire                            m_axis_tlast,
    output wire                            busy_o          // visits a word, or sends a beat
);

  generate
    if (Mode < 0 || Mode > 2) begin : gen_check_mode
      spikeloom_error_mode_must_be_0_to_2 u_error ();
    end
    if (Mode == 0 && Signed != 0) begin : gen_check_signed
      spikeloom_error_weights_need_unsigned_values u_error ();
    end
    if (Mode != 0 && CurrentBits < ValueBits) begin : gen_check_current
      spikeloom_error_current_must_hold_a_value u_error ();
    end
  endgenerate

  localparam WordBits = Lanes * ValueBits;
  localparam Planes = (Mode == 0) ? ValueBits : 1;  // events of a word, at most
  localparam PlaneBits = (Planes > 1) ? $clog2(Planes) : 1;
  localparam DataBits = WordBits / Planes;  // bits of an event
  localparam RowBits = (Rows > 1) ? $clog2(Rows) : 1;
  localparam ColumnBits = (Columns > 1) ? $clog2(Columns) : 1;
  localparam GroupBits = (InGroups > 1) ? $clog2(InGroups) : 1;
  localparam RowAddressBits = (WeightDepth > 1) ? $clog2(WeightDepth) : 1;
  localparam AddressBits = (Depth > 1) ? $clog2(Depth) : 1;
  localparam SumBits = (Mode == 2) ? ValueBits : CurrentBits;
  localparam ShiftedBits = (Mode == 0) ? WeightBits + ValueBits - 1 : ValueBits + 1;
  localparam AddendBits = (ShiftedBits < SumBits) ? ShiftedBits : SumBits;

  // ---------------------------------------------------------------------------
  // Words, of which the silent ones are dropped
  // ---------------------------------------------------------------------------
  // Signed values are compared as unsigned ones: the smallest becomes 0.
  localparam Flip = (Mode == 2) && (Signed != 0);
  localparam [ValueBits-1:0] FlipValue = {{(ValueBits - 1) {1'b0}}, 1'b1} << (ValueBits - 1);
  localparam [WordBits-1:0] FlipWord = Flip ? {Lanes{FlipValue}} : {WordBits{1'b0}};

  wire head_valid, head_ready, head_last;
  wire [RowBits-1:0] head_row;
  wire [ColumnBits-1:0] head_column;
  wire [GroupBits-1:0] head_group;
  wire [WordBits-1:0] head;

  spikeloom_word_queue #(
      .Width(WordBits),
      .Groups(InGroups),
      .Columns(Columns),
      .Rows(Rows),
      .Depth(QueueDepth)
  ) u_words (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axis_tdata(s_axis_tdata ^ FlipWord),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .s_axis_tlast(s_axis_tlast),
      .m_valid_o(head_valid),
      .m_ready_i(head_ready),
      .m_last_o(head_last),
      .m_row_o(head_row),
      .m_column_o(head_column),
      .m_group_o(head_group),
      .m_word_o(head)
  );

  // ---------------------------------------------------------------------------
  // Events: a word, or each of its planes that is not empty
  // ---------------------------------------------------------------------------
  wire event_ready;
  wire event_valid;
  wire event_last;
  wire event_any;
  wire [RowBits-1:0] event_row;
  wire [ColumnBits-1:0] event_column;
  wire [GroupBits-1:0] event_group;
  wire [DataBits-1:0] event_data;
  wire [PlaneBits-1:0] event_plane;

  genvar l, k;
  generate
    if (Planes > 1) begin : gen_planes
      wire [Planes-1:0] used;
      reg busy_q;
      reg last_q;
      reg [RowBits-1:0] row_q;
      reg [ColumnBits-1:0] column_q;
      reg [GroupBits-1:0] group_q;
      reg [WordBits-1:0] word_q;  // plane by plane
      reg [Planes-1:0] planes_q;  // that are left
      wire [WordBits-1:0] by_plane;
      wire [Planes-1:0] lowest = planes_q & (~planes_q + 1'b1);
      wire [Planes-1:0] rest = planes_q & ~lowest;
      wire exhausted = (rest == 0);
      reg [PlaneBits-1:0] plane;
      reg [DataBits-1:0] data;
      integer i;

      for (k = 0; k < Planes; k = k + 1) begin : gen_plane
        for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
          assign by_plane[k*Lanes+l] = head[l*ValueBits+k];
        end
        assign used[k] = (by_plane[k*Lanes+:Lanes] != 0);
      end

      always @(*) begin
        plane = 0;
        data  = 0;
        for (i = 0; i < Planes; i = i + 1) begin
          if (lowest[i]) begin
            plane = plane | i[PlaneBits-1:0];
            data  = data | word_q[i*Lanes+:Lanes];
          end
        end
      end

      assign head_ready = !busy_q || (event_ready && exhausted);
      assign event_valid = busy_q;
      assign event_last = last_q && exhausted;
      assign event_any = (planes_q != 0);
      assign event_row = row_q;
      assign event_column = column_q;
      assign event_group = group_q;
      assign event_data = data;
      assign event_plane = plane;

      always @(posedge clk_i) begin
        if (head_ready) begin
          last_q <= head_last;
          row_q <= head_row;
          column_q <= head_column;
          group_q <= head_group;
          word_q <= by_plane;
          planes_q <= used;
        end else if (event_ready) begin
          planes_q <= rest;
        end
        if (!rst_ni) busy_q <= 1'b0;
        else if (head_ready) busy_q <= head_valid;
      end
    end else begin : gen_words
      assign head_ready = event_ready;
      assign event_valid = head_valid;
      assign event_last = head_last;
      assign event_any = (head != 0);
      assign event_row = head_row;
      assign event_column = head_column;
      assign event_group = head_group;
      assign event_data = head;
      assign event_plane = 0;
    end
  endgenerate

  // ---------------------------------------------------------------------------
  // Visits: which weight is added to which word of results
  // ---------------------------------------------------------------------------
  wire hold;
  wire visit_valid, visit, visit_last;
  wire [RowAddressBits-1:0] visit_weight;
  wire [AddressBits-1:0] visit_output;
  wire visit_any;
  wire [DataBits-1:0] visit_data;
  wire [GroupBits-1:0] visit_group;
  wire [PlaneBits-1:0] visit_plane;
  // What the rule calls a channel it passes on unseen.
  spikeloom_address_rule #(
      .RowBits(RowBits),
      .ColumnBits(ColumnBits),
      .ChannelBits(DataBits + GroupBits),
      .CodeBits(PlaneBits),
      .Spatial(1),
      .Rows(Rows),
      .Columns(Columns),
      .TapBits(TapBits),
      .RowTapStep(RowTapStep),
      .RowOutputStep(RowOutputStep),
      .ColumnTapStep(ColumnTapStep),
      .ColumnOutputStep(ColumnOutputStep),
      .WeightBits(RowAddressBits),
      .OutputBits(AddressBits),
      .RowFile(RowFile),
      .ColumnFile(ColumnFile)
  ) u_rule (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_valid_i(event_valid),
      .s_ready_o(event_ready),
      .s_last_i(event_last),
      .s_row_i(event_row),
      .s_column_i(event_column),
      .s_event_i(event_any),
      .s_channel_i({event_data, event_group}),
      .s_code_i(event_plane),
      .hold_i(hold),
      .m_valid_o(visit_valid),
      .m_visit_o(visit),
      .m_last_o(visit_last),
      .m_weight_o(visit_weight),
      .m_output_o(visit_output),
      .m_event_o(visit_any),
      .m_channel_o({visit_data, visit_group}),
      .m_code_o(visit_plane)
  );

  wire unused_any = &{1'b0, visit_any};  // every visit has an event

  assign busy_o = visit_valid || (m_axis_tvalid && m_axis_tready);

  reg visit_valid_q;
  reg visit_q;
  reg visit_last_q;
  reg [AddressBits-1:0] visit_output_q;
  reg [DataBits-1:0] data_1_q;
  reg [DataBits-1:0] data_2_q;

  generate
    if (InGroups > 1) begin : gen_output_group
      wire [AddressBits-1:0] group = {{(AddressBits - GroupBits) {1'b0}}, visit_group};
      always @(posedge clk_i) visit_output_q <= visit_output + group;
    end else begin : gen_output
      wire unused = &{1'b0, visit_group};
      always @(posedge clk_i) visit_output_q <= visit_output;
    end
  endgenerate

  always @(posedge clk_i) begin
    visit_q  <= visit;
    data_1_q <= visit_data;
    data_2_q <= data_1_q;
    if (!rst_ni) begin
      visit_valid_q <= 1'b0;
      visit_last_q  <= 1'b0;
    end else begin
      visit_valid_q <= visit_valid;
      visit_last_q  <= visit_valid && visit_last;
    end
  end

  // ---------------------------------------------------------------------------
  // Addends: weights behind the bits of a plane, or the values themselves
  // ---------------------------------------------------------------------------
  wire [Lanes*AddendBits-1:0] addends;

  generate
    if (Mode == 0) begin : gen_weights
      localparam RowLanes = (Shared != 0) ? 1 : Lanes;  // weights in a row
      reg [RowAddressBits-1:0] address_q;
      reg [PlaneBits-1:0] plane_1_q;
      reg [PlaneBits-1:0] plane_2_q;
      wire [RowLanes*WeightBits-1:0] weights;

      if (Shared == 0 && InGroups > 1) begin : gen_row_group
        wire [RowAddressBits-1:0] group = {{(RowAddressBits - GroupBits) {1'b0}}, visit_group};
        always @(posedge clk_i) address_q <= visit_weight + group;
      end else begin : gen_row
        always @(posedge clk_i) address_q <= visit_weight;
      end

      always @(posedge clk_i) begin
        plane_1_q <= visit_plane;
        plane_2_q <= plane_1_q;
      end

      spikeloom_rom #(
          .Width(RowLanes * WeightBits),
          .Depth(WeightDepth),
          .AddressBits(RowAddressBits),
          .File(WeightFile)
      ) u_weights (
          .clk_i(clk_i),
          .en_i(1'b1),
          .address_i(address_q),
          .data_o(weights)
      );

      for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
        localparam Own = (Shared != 0) ? 0 : l;
        wire [WeightBits-1:0] weight = weights[Own*WeightBits+:WeightBits];
        wire [ShiftedBits-1:0] wide = {
          {(ShiftedBits - WeightBits) {weight[WeightBits-1]}}, weight
        };
        wire [ShiftedBits-1:0] gated = data_2_q[l] ? wide : {ShiftedBits{1'b0}};
        wire [ShiftedBits-1:0] shifted = (Planes > 1) ? gated << plane_2_q : gated;
        assign addends[l*AddendBits+:AddendBits] = shifted[AddendBits-1:0];
        wire unused = &{1'b0, shifted};  // a narrow result needs but its low bits
      end
    end else begin : gen_values
      wire unused = &{1'b0, visit_weight, visit_plane};
      for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
        wire [ValueBits-1:0] value = data_2_q[l*ValueBits+:ValueBits];
        wire sign = (Mode == 1) && (Signed != 0) && value[ValueBits-1];
        wire [ShiftedBits-1:0] wide = {sign, value};
        assign addends[l*AddendBits+:AddendBits] = wide[AddendBits-1:0];
        wire unused_sign = &{1'b0, wide};  // where the result is as narrow as a value
      end
    end
  endgenerate

  // ---------------------------------------------------------------------------
  // Results
  // ---------------------------------------------------------------------------
  wire [OutLanes*SumBits-1:0] results;

  spikeloom_accumulator #(
      .Lanes(Lanes),
      .OutLanes(OutLanes),
      .CurrentBits(SumBits),
      .AddendBits(AddendBits),
      .Depth(Depth),
      .Buffers(Buffers),
      .Repeats(Repeats),
      .Maximum((Mode == 2) ? 1 : 0)
  ) u_accumulator (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .close_i(visit_valid && visit_last),
      .valid_i(visit_valid_q),
      .visit_i(visit_q),
      .last_i(visit_last_q),
      .address_i(visit_output_q),
      .addend_i(addends),
      .hold_o(hold),
      .m_axis_tdata(results),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tlast(m_axis_tlast)
  );

  generate
    for (l = 0; l < OutLanes; l = l + 1) begin : gen_result
      wire [SumBits-1:0] result = results[l*SumBits+:SumBits];
      if (Flip) begin : gen_signed
        wire [SumBits-1:0] value = result ^ FlipValue;
        assign m_axis_tdata[l*CurrentBits+:CurrentBits] = {
          {(CurrentBits - SumBits) {value[SumBits-1]}}, value
        };
      end else begin : gen_unsigned
        assign m_axis_tdata[l*CurrentBits+:CurrentBits] = {
          {(CurrentBits - SumBits) {1'b0}}, result
        };
      end
    end
  endgenerate

endmodule

`default_nettype wire
