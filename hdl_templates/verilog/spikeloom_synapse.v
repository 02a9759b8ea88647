// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// An event-driven synapse: value words in, currents out.
//
// Function    I[o] = sum of the weights that the events of a time step select,
//             a weight shifted left by its event's bit plane. Nothing is
//             multiplied: the queue finds the events, the address rule says
//             where they go, the weight memories (one per bank) say what is
//             added, the accumulator adds. Silent inputs cost nothing.
// Weights     Memory of bank b: file WeightPrefix + "b.mem", a word holds the
//             Lanes weights of one group of output channels, the row is
//             (tap * Groups + group) * (input channels / Banks) + channel / Banks.
// Fields      With FieldValues above 0 an event is a field of so many channels,
//             the rows count fields instead of channels, and each is followed by
//             what the field may hold: the word of row r and field bits f is
//             (r << FieldBits) + f, and holds the sums of the weights that f
//             selects; with f = 0 it is zero.
// Lookup      With Lookups above 0 a row number is looked up to find the row of
//             words in the memory (file LookupPrefix + "b.mem"): rows that are
//             equal are stored once, such as those of inputs without a weight.
// Sparse      With SparseRows above 0 the words without a weight are neither stored
//             nor visited (spikeloom_sparse_rows): the row of an event and a tap
//             is tap * input channels + channel, and its words lie behind each other
//             in the memory, wherever it says.
// Channels    With ChannelTable the outputs that an event reaches depend on its
//             channel (a convolution in groups): Groups counts the words of one
//             group of output channels.
// Cycles      Per time step: the sum over the beats of events of
//             taps * groups, at least 1, and a constant; with SparseRows, over
//             the rows of its words, at least 1. The outputs leave
//             meanwhile with two Buffers, else they are swept behind it.
// Stalls      Any stall on either stream is legal and changes no result.

`default_nettype none

module spikeloom_synapse #(
    // Input words
    parameter InLanes = 4,  // values in an input word
    parameter ValueBits = 1,  // bits of a value, 1: a spike
    parameter FieldValues = 0,  // channels of a field; 0: every set bit is an event
    parameter Banks = 1,  // weight memories that the channels or fields are spread over
    parameter Ports = 1,  // events per clock: Banks, or twice as many
    parameter InGroups = 1,  // input words per position
    parameter Columns = 1,  // input positions along x
    parameter Rows = 1,  // input positions along y
    parameter QueueDepth = 4,  // input words held
    // Address rule
    parameter Spatial = 0,  // 0: dense, one position and no tables
    parameter TapBits = 1,  // bits of a tap count
    parameter RowTapStep = 0,  // weight address from one row tap to the next
    parameter RowOutputStep = 0,  // current address from one output row to the next
    parameter ColumnTapStep = 0,  // weight address from one column tap to the next
    parameter ColumnOutputStep = 0,  // current address from one output column to the next
    parameter RowFile = "",  // table of the rows, hexadecimal
    parameter ColumnFile = "",  // table of the columns, hexadecimal
    parameter ChannelTable = 0,  // 1: the channel moves the output; needs one port
    parameter ChannelFile = "",  // table of the channels, hexadecimal
    // Weights
    parameter WeightBits = 4,  // bits of a weight (of a sum of them with fields), signed
    parameter WeightDepth = 4,  // words per bank
    parameter WeightPrefix = "",  // path of the weight files up to the bank's number
    parameter Lookups = 0,  // row numbers that are looked up per bank; 0: none is
    parameter LookupPrefix = "",  // path of the lookup files up to the bank's number
    parameter SparseRows = 0,  // rows whose words without a weight are left out; 0: none are
    parameter SparseFile = "",  // row table of spikeloom_sparse_rows, hexadecimal
    parameter OffsetFile = "",  // its offset table, hexadecimal; none with 1 group
    // Currents
    parameter Lanes = 4,  // currents added per clock
    parameter OutLanes = 4,  // currents in an output beat; divides Lanes
    parameter Groups = 1,  // words of output channels per position
    parameter Depth = 1,  // words of currents
    parameter Buffers = 1,  // 2: a step is added up while the one before it leaves
    parameter CurrentBits = 8,  // bits of a current, signed
    parameter Repeats = 1  // times that the currents of one step are sent
) (
    input  wire                            clk_i,
    input  wire                            rst_ni,
    input  wire [   InLanes*ValueBits-1:0] s_axis_tdata,
    input  wire                            s_axis_tvalid,
    output wire                            s_axis_tready,
    input  wire                            s_axis_tlast,
    output wire [OutLanes*CurrentBits-1:0] m_axis_tdata,
    output wire                            m_axis_tvalid,
    input  wire                            m_axis_tready,
    output wire                            m_axis_tlast,
    output wire                            busy_o          // adds a weight, or sends a beat
);

  generate
    if (Banks > 9) begin : gen_check_banks
      // The number of a weight file is one digit.
      spikeloom_error_banks_must_be_9_or_less u_error ();
    end
    if (FieldValues > 0 && ChannelTable != 0) begin : gen_check_fields
      spikeloom_error_channel_table_needs_single_channels u_error ();
    end
    if (SparseRows > 0 && (Ports != 1 || FieldValues > 0 || Lookups > 0)) begin : gen_check_sparse
      spikeloom_error_sparse_rows_need_one_port_and_no_fields_or_lookups u_error ();
    end
  endgenerate

  localparam RowBits = (Rows > 1) ? $clog2(Rows) : 1;
  localparam ColumnBits = (Columns > 1) ? $clog2(Columns) : 1;
  localparam Units = (FieldValues > 0) ? InLanes / FieldValues : InLanes;  // of a word
  localparam InChannels = InGroups * Units / Banks;  // or fields, of a bank
  localparam ChannelBits = (InChannels > 1) ? $clog2(InChannels) : 1;
  localparam PlaneBits = (ValueBits > 1) ? $clog2(ValueBits) : 1;
  localparam FieldBits = (FieldValues > 0) ? FieldValues * ValueBits : 0;
  localparam CodeBits = (FieldValues > 0) ? FieldBits : PlaneBits;
  localparam Planes = (FieldValues > 0) ? 1 : ValueBits;
  localparam BankPorts = Ports / Banks;
  localparam StoredRows = WeightDepth >> FieldBits;
  localparam StoredRowBits = (StoredRows > 1) ? $clog2(StoredRows) : 1;
  localparam WeightRows = (Lookups > 0) ? Lookups : StoredRows;
  localparam RowAddressBits = (WeightRows > 1) ? $clog2(WeightRows) : 1;
  localparam RuleRows = (SparseRows > 0) ? SparseRows : WeightRows;  // that the rule asks for
  localparam RuleBits = (RuleRows > 1) ? $clog2(RuleRows) : 1;
  localparam WordAddressBits = (WeightDepth > 1) ? $clog2(WeightDepth) : 1;
  localparam AddressBits = (Depth > 1) ? $clog2(Depth) : 1;
  localparam Levels = $clog2(Ports);  // of adders in front of the accumulator
  localparam Read = (Lookups > 0) ? 2 : 1;  // stage that reads the weights
  localparam Stages = Read + Levels;  // from a visit to its addends
  localparam ShiftedBits = WeightBits + Planes - 1;
  localparam PortSumBits = ShiftedBits + Levels;
  localparam AddendBits = (PortSumBits < CurrentBits) ? PortSumBits : CurrentBits;

  // ---------------------------------------------------------------------------
  // Events
  // ---------------------------------------------------------------------------
  wire event_valid, event_ready, event_last;
  wire [RowBits-1:0] event_row;
  wire [ColumnBits-1:0] event_column;
  wire [Ports-1:0] events;
  wire [Ports*ChannelBits-1:0] event_channels;
  wire [Ports*CodeBits-1:0] event_codes;

  spikeloom_event_queue #(
      .Lanes(InLanes),
      .ValueBits(ValueBits),
      .FieldValues(FieldValues),
      .Banks(Banks),
      .Ports(Ports),
      .Groups(InGroups),
      .Columns(Columns),
      .Rows(Rows),
      .Depth(QueueDepth)
  ) u_queue (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axis_tdata(s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .s_axis_tlast(s_axis_tlast),
      .m_valid_o(event_valid),
      .m_ready_i(event_ready),
      .m_last_o(event_last),
      .m_row_o(event_row),
      .m_column_o(event_column),
      .m_event_o(events),
      .m_channel_o(event_channels),
      .m_code_o(event_codes)
  );

  // ---------------------------------------------------------------------------
  // Visits: which weights are added to which currents
  // ---------------------------------------------------------------------------
  wire hold;
  wire rule_hold;
  wire rule_valid, rule_visit, rule_last;
  wire [RuleBits-1:0] rule_weight;
  wire [AddressBits-1:0] rule_output;
  wire [Ports-1:0] rule_events;
  wire [Ports*ChannelBits-1:0] rule_channels;
  wire [Ports*CodeBits-1:0] rule_codes;
  wire close;  // the last visit of a step sets out
  wire visit_valid, visit, visit_last;
  wire [RowAddressBits-1:0] visit_weight;
  wire [AddressBits-1:0] visit_output;
  wire [Ports-1:0] visit_events;
  wire [Ports*ChannelBits-1:0] visit_channels;
  wire [Ports*CodeBits-1:0] visit_codes;

  spikeloom_address_rule #(
      .Ports(Ports),
      .RowBits(RowBits),
      .ColumnBits(ColumnBits),
      .ChannelBits(ChannelBits),
      .CodeBits(CodeBits),
      .Spatial(Spatial),
      .Groups((SparseRows > 0) ? 1 : Groups),
      .GroupStep(InChannels),
      .Rows(Rows),
      .Columns(Columns),
      .TapBits(TapBits),
      .RowTapStep(RowTapStep),
      .RowOutputStep(RowOutputStep),
      .ColumnTapStep(ColumnTapStep),
      .ColumnOutputStep(ColumnOutputStep),
      .WeightBits(RuleBits),
      .OutputBits(AddressBits),
      .RowFile(RowFile),
      .ColumnFile(ColumnFile),
      .ChannelTable(ChannelTable),
      .Channels(InChannels),
      .ChannelFile(ChannelFile)
  ) u_rule (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_valid_i(event_valid),
      .s_ready_o(event_ready),
      .s_last_i(event_last),
      .s_row_i(event_row),
      .s_column_i(event_column),
      .s_event_i(events),
      .s_channel_i(event_channels),
      .s_code_i(event_codes),
      .hold_i(rule_hold),
      .m_valid_o(rule_valid),
      .m_visit_o(rule_visit),
      .m_last_o(rule_last),
      .m_weight_o(rule_weight),
      .m_output_o(rule_output),
      .m_event_o(rule_events),
      .m_channel_o(rule_channels),
      .m_code_o(rule_codes)
  );

  generate
    if (SparseRows > 0) begin : gen_sparse
      wire [RuleBits-1:0] channel = {{(RuleBits - ChannelBits) {1'b0}}, rule_channels};
      wire ready;
      wire unused = &{1'b0, rule_events};

      assign rule_hold      = !ready;
      assign visit_events   = 1'b1;
      assign visit_channels = 0;  // is in the row already

      spikeloom_sparse_rows #(
          .Rows(SparseRows),
          .Words(WeightDepth),
          .Groups(Groups),
          .OutputBits(AddressBits),
          .CodeBits(CodeBits),
          .RowFile(SparseFile),
          .OffsetFile(OffsetFile)
      ) u_sparse (
          .clk_i(clk_i),
          .rst_ni(rst_ni),
          .s_valid_i(rule_valid),
          .s_ready_o(ready),
          .s_visit_i(rule_visit),
          .s_last_i(rule_last),
          .s_row_i(rule_weight + channel),
          .s_output_i(rule_output),
          .s_code_i(rule_codes),
          .hold_i(hold),
          .m_close_o(close),
          .m_valid_o(visit_valid),
          .m_visit_o(visit),
          .m_last_o(visit_last),
          .m_word_o(visit_weight),
          .m_output_o(visit_output),
          .m_code_o(visit_codes)
      );
    end else begin : gen_all_words
      assign rule_hold = hold;
      assign close = rule_valid && rule_last;
      assign visit_valid = rule_valid;
      assign visit = rule_visit;
      assign visit_last = rule_last;
      assign visit_weight = rule_weight;
      assign visit_output = rule_output;
      assign visit_events = rule_events;
      assign visit_channels = rule_channels;
      assign visit_codes = rule_codes;
    end
  endgenerate

  assign busy_o = visit_valid || (m_axis_tvalid && m_axis_tready);

  // A visit on its way to the accumulator, stage by stage: it is issued (0), has
  // its row number (1), looks that up (2, if at all), reads its weights, and adds
  // them up over the ports. The last stage is the accumulator's.
  reg [Stages:1] visit_valid_q;
  reg [Stages:1] visit_q;
  reg [Stages:1] visit_last_q;
  reg [(Stages+1)*AddressBits-1:AddressBits] visit_output_q;
  reg [(Read+3)*Ports-1:Ports] event_q;
  reg [(Read+3)*Ports*CodeBits-1:Ports*CodeBits] code_q;

  always @(posedge clk_i) begin : stages
    integer i;
    for (i = 2; i <= Stages; i = i + 1) begin
      visit_q[i] <= visit_q[i-1];
      visit_output_q[i*AddressBits+:AddressBits] <= visit_output_q[(i-1)*AddressBits+:AddressBits];
      visit_valid_q[i] <= visit_valid_q[i-1] && rst_ni;
      visit_last_q[i] <= visit_last_q[i-1] && rst_ni;
    end
    visit_q[1] <= visit;
    visit_output_q[AddressBits+:AddressBits] <= visit_output;
    visit_valid_q[1] <= visit_valid && rst_ni;
    visit_last_q[1] <= visit_valid && visit_last && rst_ni;
    for (i = 2; i <= Read + 2; i = i + 1) begin
      event_q[i*Ports+:Ports] <= event_q[(i-1)*Ports+:Ports];
      code_q[i*Ports*CodeBits+:Ports*CodeBits] <= code_q[(i-1)*Ports*CodeBits+:Ports*CodeBits];
    end
    event_q[Ports+:Ports] <= visit_events;
    code_q[Ports*CodeBits+:Ports*CodeBits] <= visit_codes;
  end

  wire [Ports*CodeBits-1:0] read_codes = code_q[Read*Ports*CodeBits+:Ports*CodeBits];
  wire [Ports-1:0] weight_events = event_q[(Read+1)*Ports+:Ports];
  wire [Ports*CodeBits-1:0] weight_codes = code_q[(Read+1)*Ports*CodeBits+:Ports*CodeBits];
  wire [Ports*CodeBits-1:0] added_codes = code_q[(Read+2)*Ports*CodeBits+:Ports*CodeBits];
  wire unused_stages = &{1'b0, event_q, code_q, read_codes, weight_events, weight_codes, added_codes};

  // ---------------------------------------------------------------------------
  // Weights: read, shift by the bit plane, add over the ports
  // ---------------------------------------------------------------------------
  wire [Ports*Lanes*WeightBits-1:0] weights;

  genvar b, p, l, k;
  generate
    for (b = 0; b < Banks; b = b + 1) begin : gen_bank
      reg  [ BankPorts*RowAddressBits-1:0] rows_q;
      wire [  BankPorts*StoredRowBits-1:0] stored_rows;
      wire [BankPorts*WordAddressBits-1:0] addresses;

      for (p = 0; p < BankPorts; p = p + 1) begin : gen_row
        localparam Port = b * BankPorts + p;
        wire [RowAddressBits-1:0] row;
        if (SparseRows > 0) begin : gen_word
          wire unused = &{1'b0, visit_channels};
          assign row = visit_weight;
        end else begin : gen_channel
          wire [RowAddressBits-1:0] offset = {
            {(RowAddressBits - ChannelBits) {1'b0}}, visit_channels[Port*ChannelBits+:ChannelBits]
          };
          assign row = visit_weight + offset;
        end
        always @(posedge clk_i) rows_q[p*RowAddressBits+:RowAddressBits] <= row;
      end

      if (Lookups > 0) begin : gen_lookup
        spikeloom_rom #(
            .Width(StoredRowBits),
            .Depth(Lookups),
            .AddressBits(RowAddressBits),
            .Ports(BankPorts),
            .File((LookupPrefix == "") ? "" : {LookupPrefix, "0" + b[7:0], ".mem"})
        ) u_lookup (
            .clk_i(clk_i),
            .en_i(1'b1),
            .address_i(rows_q),
            .data_o(stored_rows)
        );
      end else begin : gen_direct
        assign stored_rows = rows_q;
      end

      for (p = 0; p < BankPorts; p = p + 1) begin : gen_address
        wire [StoredRowBits-1:0] row = stored_rows[p*StoredRowBits+:StoredRowBits];
        if (FieldValues > 0) begin : gen_field
          wire [StoredRowBits+FieldBits-1:0] word = {
            row, read_codes[(b*BankPorts+p)*CodeBits+:CodeBits]
          };
          assign addresses[p*WordAddressBits+:WordAddressBits] = word[WordAddressBits-1:0];
          wire unused = &{1'b0, word};  // a single row has no address
        end else begin : gen_bit
          assign addresses[p*WordAddressBits+:WordAddressBits] = row;
        end
      end

      spikeloom_rom #(
          .Width(Lanes * WeightBits),
          .Depth(WeightDepth),
          .AddressBits(WordAddressBits),
          .Ports(BankPorts),
          .File((WeightPrefix == "") ? "" : {WeightPrefix, "0" + b[7:0], ".mem"})
      ) u_weights (
          .clk_i(clk_i),
          .en_i(1'b1),
          .address_i(addresses),
          .data_o(weights[b*BankPorts*Lanes*WeightBits+:BankPorts*Lanes*WeightBits])
      );
    end
  endgenerate

  wire [Lanes*PortSumBits-1:0] sums;

  generate
    if (Ports == 1) begin : gen_one_port
      // Every visit has an event.
      for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
        wire signed [WeightBits-1:0] weight = weights[l*WeightBits+:WeightBits];
        wire signed [ShiftedBits-1:0] wide = {
          {(ShiftedBits - WeightBits) {weight[WeightBits-1]}}, weight
        };
        assign sums[l*ShiftedBits+:ShiftedBits] = (Planes > 1) ? wide <<< weight_codes : wide;
      end
    end else begin : gen_ports
      // Some ports have none: their weights are zero. Fields see to that themselves.
      reg [Ports*Lanes*WeightBits-1:0] weights_q;

      for (p = 0; p < Ports; p = p + 1) begin : gen_weights
        always @(posedge clk_i) begin
          weights_q[p*Lanes*WeightBits+:Lanes*WeightBits] <= weights[p*Lanes*WeightBits+:Lanes*WeightBits];
          if (FieldValues == 0 && !weight_events[p]) weights_q[p*Lanes*WeightBits+:Lanes*WeightBits] <= 0;
        end
      end

      for (k = 0; k <= Levels; k = k + 1) begin : gen_level
        localparam Terms = (Ports + (1 << k) - 1) >> k;  // of a lane
        localparam Bits = ShiftedBits + k;
        wire [Lanes*Terms*Bits-1:0] totals;

        if (k == 0) begin : gen_shift
          for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
            for (p = 0; p < Ports; p = p + 1) begin : gen_port
              wire signed [WeightBits-1:0] weight = weights_q[(p*Lanes+l)*WeightBits+:WeightBits];
              wire signed [ShiftedBits-1:0] wide = {
                {(ShiftedBits - WeightBits) {weight[WeightBits-1]}}, weight
              };
              assign totals[(l*Ports+p)*ShiftedBits+:ShiftedBits] =
                  (Planes > 1) ? wide <<< added_codes[p*CodeBits+:CodeBits] : wide;
            end
          end
        end else begin : gen_add
          localparam Before = (Ports + (1 << (k - 1)) - 1) >> (k - 1);
          wire [Lanes*Before*(Bits-1)-1:0] terms = gen_level[k-1].totals;
          wire [Lanes*Terms*Bits-1:0] added;
          for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
            for (p = 0; p < Terms; p = p + 1) begin : gen_pair
              wire signed [Bits-2:0] first = terms[(l*Before+2*p)*(Bits-1)+:Bits-1];
              if (2 * p + 1 < Before) begin : gen_two
                wire signed [Bits-2:0] second = terms[(l*Before+2*p+1)*(Bits-1)+:Bits-1];
                assign added[(l*Terms+p)*Bits+:Bits] = first + second;
              end else begin : gen_one
                assign added[(l*Terms+p)*Bits+:Bits] = {first[Bits-2], first};
              end
            end
          end
          // The accumulator has a register for the last sum.
          if (k == Levels) begin : gen_last
            assign totals = added;
          end else begin : gen_register
            reg [Lanes*Terms*Bits-1:0] totals_q;
            always @(posedge clk_i) totals_q <= added;
            assign totals = totals_q;
          end
        end
      end
      assign sums = gen_level[Levels].totals;
    end
  endgenerate

  wire [Lanes*AddendBits-1:0] addends;

  generate
    for (l = 0; l < Lanes; l = l + 1) begin : gen_addend
      wire [PortSumBits-1:0] sum = sums[l*PortSumBits+:PortSumBits];
      assign addends[l*AddendBits+:AddendBits] = sum[AddendBits-1:0];
      wire unused = &{1'b0, sum};  // a narrow current needs but its low bits
    end
  endgenerate

  // ---------------------------------------------------------------------------
  // Currents
  // ---------------------------------------------------------------------------
  spikeloom_accumulator #(
      .Lanes(Lanes),
      .OutLanes(OutLanes),
      .CurrentBits(CurrentBits),
      .AddendBits(AddendBits),
      .Depth(Depth),
      .Buffers(Buffers),
      .Repeats(Repeats)
  ) u_accumulator (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .close_i(close),
      .valid_i(visit_valid_q[Stages]),
      .visit_i(visit_q[Stages]),
      .last_i(visit_last_q[Stages]),
      .address_i(visit_output_q[Stages*AddressBits+:AddressBits]),
      .addend_i(addends),
      .hold_o(hold),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tlast(m_axis_tlast)
  );

endmodule

`default_nettype wire
