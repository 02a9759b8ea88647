// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A product of spikes and currents: a synapse whose weights another block sends
// at every time step. Nothing is multiplied: spikes select what is added.
//
// Function    In every time step the whole of w_axis goes into the weight memory.
//             Then the events of the step, which wait in the queue, add its rows
//             as in spikeloom_synapse. Then the next step of w_axis is taken.
//             An event keeps its position; what it reaches are the outputs of
//             its head (Groups words, from the offset in the channel table).
// Weights     Row group * Heads * HeadInputs + channel of the event, Lanes signed
//             weights. They come token by token, channel fastest:
//               Transposed 0  a beat holds Lanes neighbouring channels; beat
//                             (token j, head h, group g) becomes row
//                             g * Heads * HeadInputs + h * Tokens + j
//               Transposed 1  a beat is one value; (token j, channel c) becomes
//                             lane j % Lanes of row
//                             (j / Lanes) * Heads * HeadInputs + c
//             tlast ends the frame and returns to its first place.
// Tables      As in spikeloom_address_rule, with addresses of Groups * Heads *
//             HeadInputs rows and of Depth words; one tap, the first weight is
//             0. The channel table is read with more than one head.
// Hazards     A weight is written when the last visit of the step before has read
//             its own; a visit is made when the last weight of its step is in
//             the memory.
// Cycles      Per time step: the beats of w_axis, then, over the events, Groups
//             for each (1 for a step without any), and a constant. The currents
//             leave while the next weights come.
// Stalls      Any stall on any stream is legal and changes no result, and so is
//             any order in which weights and events come. A QueueDepth of a whole
//             time step of words lets all events of a step wait for its weights.
// Reset       Forgets events, weights and the step.

`default_nettype none

module spikeloom_product #(
    // Input words
    parameter InLanes = 4,  // values in an input word
    parameter ValueBits = 1,  // bits of a value, 1: a spike
    parameter InGroups = 1,  // input words per position
    parameter Columns = 1,  // positions along x
    parameter Rows = 1,  // positions along y
    parameter QueueDepth = 4,  // input words held
    // Address rule
    parameter TapBits = 1,  // bits of a tap count
    parameter RowOutputStep = 0,  // current address from one row to the next
    parameter ColumnOutputStep = 0,  // current address from one column to the next
    parameter RowFile = "",  // table of the rows, hexadecimal
    parameter ColumnFile = "",  // table of the columns, hexadecimal
    parameter ChannelFile = "",  // table of the channels, hexadecimal
    // Weights
    parameter Heads = 1,  // parts of the channels that do not meet
    parameter HeadInputs = 4,  // input channels of a head
    parameter Tokens = 4,  // positions of the weights
    parameter Transposed = 0,  // 1: outputs are tokens, 0: inputs are tokens
    parameter WeightBits = 4,  // bits of a weight, signed
    parameter WeightLanes = 4,  // weights in a beat: Lanes, or 1 if Transposed
    // Currents
    parameter Lanes = 4,  // currents added per clock
    parameter OutLanes = 4,  // currents in an output beat; divides Lanes
    parameter Groups = 1,  // words of outputs per head
    parameter Depth = 1,  // words of currents
    parameter CurrentBits = 8  // bits of a current, signed
) (
    input  wire                              clk_i,
    input  wire                              rst_ni,
    input  wire [     InLanes*ValueBits-1:0] s_axis_tdata,
    input  wire                              s_axis_tvalid,
    output wire                              s_axis_tready,
    input  wire                              s_axis_tlast,
    input  wire [WeightLanes*WeightBits-1:0] w_axis_tdata,
    input  wire                              w_axis_tvalid,
    output wire                              w_axis_tready,
    input  wire                              w_axis_tlast,
    output wire [  OutLanes*CurrentBits-1:0] m_axis_tdata,
    output wire                              m_axis_tvalid,
    input  wire                              m_axis_tready,
    output wire                              m_axis_tlast,
    output wire                              busy_o          // takes or adds weights, or sends
);

  generate
    if (InGroups * InLanes != Heads * HeadInputs) begin : gen_check_channels
      spikeloom_error_heads_must_share_the_channels u_error ();
    end
    if (WeightLanes != ((Transposed != 0) ? 1 : Lanes)) begin : gen_check_weight_lanes
      spikeloom_error_weight_lanes_must_be_lanes_or_1_if_transposed u_error ();
    end
    if (((Transposed != 0) ? Groups * Lanes : HeadInputs) != Tokens) begin : gen_check_tokens
      spikeloom_error_tokens_must_be_inputs_or_outputs_of_a_head u_error ();
    end
    if (Depth != Rows * Columns * Heads * Groups) begin : gen_check_depth
      spikeloom_error_depth_must_hold_every_position_and_head u_error ();
    end
  endgenerate

  localparam RowBits = (Rows > 1) ? $clog2(Rows) : 1;
  localparam ColumnBits = (Columns > 1) ? $clog2(Columns) : 1;
  localparam InChannels = Heads * HeadInputs;
  localparam ChannelBits = (InChannels > 1) ? $clog2(InChannels) : 1;
  localparam PlaneBits = (ValueBits > 1) ? $clog2(ValueBits) : 1;
  localparam WeightDepth = Groups * InChannels;
  localparam RowAddressBits = (WeightDepth > 1) ? $clog2(WeightDepth) : 1;
  localparam AddressBits = (Depth > 1) ? $clog2(Depth) : 1;
  localparam ShiftedBits = WeightBits + ValueBits - 1;
  localparam AddendBits = (ShiftedBits < CurrentBits) ? ShiftedBits : CurrentBits;

  // ---------------------------------------------------------------------------
  // Events
  // ---------------------------------------------------------------------------
  wire event_valid, event_ready, event_last, event_any;
  wire [RowBits-1:0] event_row;
  wire [ColumnBits-1:0] event_column;
  wire [ChannelBits-1:0] event_channel;
  wire [PlaneBits-1:0] event_plane;

  spikeloom_event_queue #(
      .Lanes(InLanes),
      .ValueBits(ValueBits),
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
      .m_event_o(event_any),
      .m_channel_o(event_channel),
      .m_code_o(event_plane)
  );

  // ---------------------------------------------------------------------------
  // Visits, in the clocks between two loads of the weight memory
  // ---------------------------------------------------------------------------
  wire hold;
  wire visit_valid, visit, visit_last, visit_any;
  wire [RowAddressBits-1:0] visit_weight;
  wire [AddressBits-1:0] visit_output;
  wire [ChannelBits-1:0] visit_channel;
  wire [PlaneBits-1:0] visit_plane;
  reg visit_last_q;  // on its way to the weight memory
  reg loaded_q;  // the weights are those of the next visit

  spikeloom_address_rule #(
      .RowBits(RowBits),
      .ColumnBits(ColumnBits),
      .ChannelBits(ChannelBits),
      .CodeBits(PlaneBits),
      .Spatial(1),
      .Groups(Groups),
      .GroupStep(InChannels),
      .Rows(Rows),
      .Columns(Columns),
      .TapBits(TapBits),
      .RowOutputStep(RowOutputStep),
      .ColumnOutputStep(ColumnOutputStep),
      .WeightBits(RowAddressBits),
      .OutputBits(AddressBits),
      .RowFile(RowFile),
      .ColumnFile(ColumnFile),
      .ChannelTable((Heads > 1) ? 1 : 0),
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
      .s_event_i(event_any),
      .s_channel_i(event_channel),
      .s_code_i(event_plane),
      .hold_i(hold || !loaded_q),
      .m_valid_o(visit_valid),
      .m_visit_o(visit),
      .m_last_o(visit_last),
      .m_weight_o(visit_weight),
      .m_output_o(visit_output),
      .m_event_o(visit_any),
      .m_channel_o(visit_channel),
      .m_code_o(visit_plane)
  );

  reg visit_valid_q;
  reg visit_q;
  reg [AddressBits-1:0] visit_output_q;
  reg [RowAddressBits-1:0] address_q;
  reg [PlaneBits-1:0] plane_1_q;
  reg [PlaneBits-1:0] plane_2_q;
  wire [RowAddressBits-1:0] channel = {
    {(RowAddressBits - ChannelBits) {1'b0}}, visit_channel
  };
  wire unused_any = &{1'b0, visit_any};  // every visit has an event

  always @(posedge clk_i) begin
    visit_q <= visit;
    visit_output_q <= visit_output;
    address_q <= visit_weight + channel;
    plane_1_q <= visit_plane;
    plane_2_q <= plane_1_q;
    if (!rst_ni) begin
      visit_valid_q <= 1'b0;
      visit_last_q  <= 1'b0;
    end else begin
      visit_valid_q <= visit_valid;
      visit_last_q  <= visit_valid && visit_last;
    end
  end

  // ---------------------------------------------------------------------------
  // Loads: from the end of the visits of a step to the last of the next weights
  // ---------------------------------------------------------------------------
  wire write = w_axis_tvalid && w_axis_tready;

  assign w_axis_tready = !loaded_q;

  always @(posedge clk_i) begin
    if (!rst_ni) loaded_q <= 1'b0;
    else if (write && w_axis_tlast) loaded_q <= 1'b1;
    else if (visit_last_q) loaded_q <= 1'b0;
  end

  // ---------------------------------------------------------------------------
  // Weight memory: a beat of weights fills a bank
  // ---------------------------------------------------------------------------
  localparam Banks = Lanes / WeightLanes;
  localparam BankBits = WeightLanes * WeightBits;

  wire [RowAddressBits-1:0] write_address;
  wire [Banks-1:0] write_bank;  // one-hot
  wire [Lanes*WeightBits-1:0] weights;

  genvar l;
  generate
    for (l = 0; l < Banks; l = l + 1) begin : gen_bank
      // A row is never read and written in one clock: see Hazards.
      (* no_rw_check *)
      reg [BankBits-1:0] memory[0:WeightDepth-1];
      reg [BankBits-1:0] read_q;
      always @(posedge clk_i) begin
        if (write && write_bank[l]) memory[write_address] <= w_axis_tdata;
        read_q <= memory[address_q];
      end
      assign weights[l*BankBits+:BankBits] = read_q;
    end
  endgenerate

  // Where the next beat goes, by counting
  generate
    if (Transposed != 0) begin : gen_transposed
      localparam [31:0] LastChannelValue = InChannels - 1;
      localparam [ChannelBits-1:0] LastChannel = LastChannelValue[ChannelBits-1:0];
      localparam [31:0] LastRowValue = WeightDepth - 1;
      localparam [RowAddressBits-1:0] LastRow = LastRowValue[RowAddressBits-1:0];

      reg [ChannelBits-1:0] channel_q;
      reg [RowAddressBits-1:0] row_q;
      reg [RowAddressBits-1:0] first_row_q;  // of this token
      reg [Banks-1:0] bank_q;
      wire last_channel = (channel_q == LastChannel);
      wire last_bank = bank_q[Banks-1];
      wire [RowAddressBits-1:0] next_row = (row_q == LastRow) ? 0 : row_q + 1'b1;

      assign write_address = row_q;
      assign write_bank = bank_q;

      always @(posedge clk_i) begin
        if (!rst_ni || (write && w_axis_tlast)) begin
          channel_q <= 0;
          row_q <= 0;
          first_row_q <= 0;
          bank_q <= 1;
        end else if (write) begin
          channel_q <= last_channel ? 0 : channel_q + 1'b1;
          row_q <= (last_channel && !last_bank) ? first_row_q : next_row;
          if (last_channel) begin
            bank_q <= last_bank ? 1 : bank_q << 1;
            if (last_bank) first_row_q <= next_row;
          end
        end
      end
    end else begin : gen_straight
      localparam GroupBits = (Groups > 1) ? $clog2(Groups) : 1;
      localparam HeadBits = (Heads > 1) ? $clog2(Heads) : 1;
      localparam TokenBits = (Tokens > 1) ? $clog2(Tokens) : 1;
      localparam [31:0] LastGroupValue = Groups - 1;
      localparam [GroupBits-1:0] LastGroup = LastGroupValue[GroupBits-1:0];
      localparam [31:0] LastHeadValue = Heads - 1;
      localparam [HeadBits-1:0] LastHead = LastHeadValue[HeadBits-1:0];
      localparam [31:0] LastTokenValue = Tokens - 1;
      localparam [TokenBits-1:0] LastToken = LastTokenValue[TokenBits-1:0];
      localparam [31:0] GroupStepValue = (Groups > 1) ? InChannels : 0;
      localparam [RowAddressBits-1:0] GroupStep = GroupStepValue[RowAddressBits-1:0];
      localparam [31:0] HeadStepValue = (Heads > 1) ? Tokens : 0;
      localparam [RowAddressBits-1:0] HeadStep = HeadStepValue[RowAddressBits-1:0];

      reg [GroupBits-1:0] group_q;
      reg [HeadBits-1:0] head_q;
      reg [TokenBits-1:0] token_q;
      reg [RowAddressBits-1:0] row_q;
      reg [RowAddressBits-1:0] head_row_q;  // first group of this head
      wire last_group = (group_q == LastGroup);
      wire last_head = (head_q == LastHead);
      wire [TokenBits-1:0] next_token = (token_q == LastToken) ? 0 : token_q + 1'b1;
      wire [RowAddressBits-1:0] token_row = {
        {(RowAddressBits - TokenBits) {1'b0}}, next_token
      };
      wire [RowAddressBits-1:0] next_head_row = last_head ? token_row : head_row_q + HeadStep;

      assign write_address = row_q;
      assign write_bank = 1'b1;

      always @(posedge clk_i) begin
        if (!rst_ni || (write && w_axis_tlast)) begin
          group_q <= 0;
          head_q <= 0;
          token_q <= 0;
          row_q <= 0;
          head_row_q <= 0;
        end else if (write) begin
          group_q <= last_group ? 0 : group_q + 1'b1;
          row_q   <= last_group ? next_head_row : row_q + GroupStep;
          if (last_group) begin
            head_q <= last_head ? 0 : head_q + 1'b1;
            head_row_q <= next_head_row;
            if (last_head) token_q <= next_token;
          end
        end
      end
    end
  endgenerate

  assign busy_o = write || visit_valid || (m_axis_tvalid && m_axis_tready);

  // ---------------------------------------------------------------------------
  // Currents
  // ---------------------------------------------------------------------------
  wire [Lanes*AddendBits-1:0] addends;

  generate
    for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
      wire [WeightBits-1:0] weight = weights[l*WeightBits+:WeightBits];
      wire [ShiftedBits-1:0] wide = {
        {(ShiftedBits - WeightBits) {weight[WeightBits-1]}}, weight
      };
      wire [ShiftedBits-1:0] shifted = (ValueBits > 1) ? wide << plane_2_q : wide;
      assign addends[l*AddendBits+:AddendBits] = shifted[AddendBits-1:0];
      wire unused = &{1'b0, shifted};  // a narrow current needs but its low bits
    end
  endgenerate

  spikeloom_accumulator #(
      .Lanes(Lanes),
      .OutLanes(OutLanes),
      .CurrentBits(CurrentBits),
      .AddendBits(AddendBits),
      .Depth(Depth)
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
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tlast(m_axis_tlast)
  );

endmodule

`default_nettype wire
