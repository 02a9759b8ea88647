// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// An event-driven synapse: value words in, currents out.
//
// Function    I[o] = sum of the weights that the events of a time step select,
//             a weight shifted left by its event's bit plane. Nothing is
//             multiplied: the queue finds the events, the address rule says
//             where they go, the weight memories (one per port) say what is
//             added, the accumulator adds. Silent inputs cost nothing.
// Weights     Memory of port p: file WeightPrefix + "p.mem", a word holds the
//             Lanes weights of one group of output channels, the row is
//             (tap * Groups + group) * (input channels / Ports) + channel / Ports.
// Channels    With ChannelTable the outputs that an event reaches depend on its
//             channel (a convolution in groups): Groups counts the words of one
//             group of output channels.
// Cycles      Per time step: the sum over the beats of events of
//             taps * groups, at least 1, plus the sweep of the outputs, plus a constant.
// Stalls      Any stall on either stream is legal and changes no result.

`default_nettype none

module spikeloom_synapse #(
    // Input words
    parameter InLanes = 4,  // values in an input word
    parameter ValueBits = 1,  // bits of a value, 1: a spike
    parameter Ports = 1,  // events per clock
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
    parameter WeightBits = 4,  // bits of a weight, signed
    parameter WeightDepth = 4,  // words per port
    parameter WeightPrefix = "",  // path of the weight files up to the port number
    // Currents
    parameter Lanes = 4,  // currents added per clock
    parameter OutLanes = 4,  // currents in an output beat; divides Lanes
    parameter Groups = 1,  // words of output channels per position
    parameter Depth = 1,  // words of currents
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
    if (Ports > 9) begin : gen_check_ports
      // The number of a weight file is one digit.
      spikeloom_error_ports_must_be_9_or_less u_error ();
    end
  endgenerate

  localparam RowBits = (Rows > 1) ? $clog2(Rows) : 1;
  localparam ColumnBits = (Columns > 1) ? $clog2(Columns) : 1;
  localparam InChannels = InGroups * InLanes / Ports;
  localparam ChannelBits = (InChannels > 1) ? $clog2(InChannels) : 1;
  localparam PlaneBits = (ValueBits > 1) ? $clog2(ValueBits) : 1;
  localparam RowAddressBits = (WeightDepth > 1) ? $clog2(WeightDepth) : 1;
  localparam AddressBits = (Depth > 1) ? $clog2(Depth) : 1;
  localparam PortSumBits = WeightBits + ValueBits - 1 + $clog2(Ports);
  localparam AddendBits = (PortSumBits < CurrentBits) ? PortSumBits : CurrentBits;

  // ---------------------------------------------------------------------------
  // Events
  // ---------------------------------------------------------------------------
  wire event_valid, event_ready, event_last;
  wire [RowBits-1:0] event_row;
  wire [ColumnBits-1:0] event_column;
  wire [Ports-1:0] events;
  wire [Ports*ChannelBits-1:0] event_channels;
  wire [Ports*PlaneBits-1:0] event_planes;

  spikeloom_event_queue #(
      .Lanes(InLanes),
      .ValueBits(ValueBits),
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
      .m_plane_o(event_planes)
  );

  // ---------------------------------------------------------------------------
  // Visits: which weights are added to which currents
  // ---------------------------------------------------------------------------
  wire hold;
  wire visit_valid, visit, visit_last;
  wire [RowAddressBits-1:0] visit_weight;
  wire [AddressBits-1:0] visit_output;
  wire [Ports-1:0] visit_events;
  wire [Ports*ChannelBits-1:0] visit_channels;
  wire [Ports*PlaneBits-1:0] visit_planes;
  // The last visit is still on its way to the accumulator's hold in the clock
  // after it was issued.
  reg visit_last_q;

  spikeloom_address_rule #(
      .Ports(Ports),
      .RowBits(RowBits),
      .ColumnBits(ColumnBits),
      .ChannelBits(ChannelBits),
      .PlaneBits(PlaneBits),
      .Spatial(Spatial),
      .Groups(Groups),
      .GroupStep(InChannels),
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
      .s_plane_i(event_planes),
      .hold_i(hold || visit_last_q),
      .m_valid_o(visit_valid),
      .m_visit_o(visit),
      .m_last_o(visit_last),
      .m_weight_o(visit_weight),
      .m_output_o(visit_output),
      .m_event_o(visit_events),
      .m_channel_o(visit_channels),
      .m_plane_o(visit_planes)
  );

  assign busy_o = visit_valid || (m_axis_tvalid && m_axis_tready);

  reg visit_valid_q;
  reg visit_q;
  reg [AddressBits-1:0] visit_output_q;

  always @(posedge clk_i) begin
    visit_q <= visit;
    visit_output_q <= visit_output;
    if (!rst_ni) begin
      visit_valid_q <= 1'b0;
      visit_last_q  <= 1'b0;
    end else begin
      visit_valid_q <= visit_valid;
      visit_last_q  <= visit_valid && visit_last;
    end
  end

  // ---------------------------------------------------------------------------
  // Weights: read, shift by the bit plane, add over the ports
  // ---------------------------------------------------------------------------
  wire [Ports*Lanes*PortSumBits-1:0] shifted;
  wire [Lanes*AddendBits-1:0] addends;

  genvar p, l;
  generate
    for (p = 0; p < Ports; p = p + 1) begin : gen_port
      reg  [RowAddressBits-1:0] address_q;
      reg  [     PlaneBits-1:0] plane_1_q;
      reg  [     PlaneBits-1:0] plane_2_q;
      reg                       event_1_q;
      reg                       event_2_q;
      wire [Lanes*WeightBits-1:0] weights;
      wire [RowAddressBits-1:0] row = {
        {(RowAddressBits - ChannelBits) {1'b0}}, visit_channels[p*ChannelBits+:ChannelBits]
      };

      always @(posedge clk_i) begin
        address_q <= visit_weight + row;
        plane_1_q <= visit_planes[p*PlaneBits+:PlaneBits];
        plane_2_q <= plane_1_q;
        event_1_q <= visit_events[p];
        event_2_q <= event_1_q;
      end

      spikeloom_rom #(
          .Width(Lanes * WeightBits),
          .Depth(WeightDepth),
          .AddressBits(RowAddressBits),
          .File((WeightPrefix == "") ? "" : {WeightPrefix, "0" + p[7:0], ".mem"})
      ) u_weights (
          .clk_i(clk_i),
          .en_i(1'b1),
          .address_i(address_q),
          .data_o(weights)
      );

      for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
        wire signed [WeightBits-1:0] weight = weights[l*WeightBits+:WeightBits];
        wire signed [PortSumBits-1:0] wide = {
          {(PortSumBits - WeightBits) {weight[WeightBits-1]}}, weight
        };
        // With one port every visit has an event; with more, some have none.
        wire signed [PortSumBits-1:0] gated =
            (Ports == 1 || event_2_q) ? wide : {PortSumBits{1'b0}};
        assign shifted[(l*Ports+p)*PortSumBits+:PortSumBits] =
            (ValueBits > 1) ? gated <<< plane_2_q : gated;
      end
    end

    for (l = 0; l < Lanes; l = l + 1) begin : gen_addend
      reg signed [PortSumBits-1:0] total;
      integer i;
      always @(*) begin
        total = 0;
        for (i = 0; i < Ports; i = i + 1) begin
          total = total + shifted[(l*Ports+i)*PortSumBits+:PortSumBits];
        end
      end
      assign addends[l*AddendBits+:AddendBits] = total[AddendBits-1:0];
      wire unused = &{1'b0, total};  // a narrow current needs but its low bits
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
      .Repeats(Repeats)
  ) u_accumulator (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
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
