// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// The address rule: from the position of an event to the weights to add and the
// currents to add them to.
//
// Function    For an event at (row, column) every output position that its
//             spike reaches is visited once, and there every group of output
//             channels. Which positions these are, the borders, the stride and
//             a sum pooling in front of the synapse are all in two tables, one
//             per axis, so that no address is ever divided or multiplied:
//
//               table word = { first weight tap, first output, taps }
//
//             From one tap to the next the weight address grows by TapStep and
//             the output address falls by OutputStep (a kernel slides against
//             its input). A position that reaches nothing has no taps.
//
//               weight row of port p = weight_o + channel_o[p]
//               current word         = output_o
//
//             A dense synapse has one position and no tables.
// Channels    With ChannelTable a third table, over the channel of the event,
//             holds an offset that is added to the first output: channels of a
//             group, or of a head, reach outputs of their own. Groups counts
//             the words of one such part then.
// Order       Groups innermost, then columns, then rows; bursts do not pause.
// Last        m_last_o comes with the last visit of a time step, also when that
//             step has none: then m_visit_o is low.
// Latency     2 clocks from an event to its first visit.
// Throughput  One visit per clock.

`default_nettype none

module spikeloom_address_rule #(
    parameter Ports = 1,  // events per clock
    parameter RowBits = 1,  // bits of a row number
    parameter ColumnBits = 1,  // bits of a column number
    parameter ChannelBits = 1,  // bits of a channel number within its port
    parameter CodeBits = 1,  // bits of the code of an event
    parameter Spatial = 0,  // 0: a dense synapse, no tables
    parameter Groups = 1,  // words of output channels per position
    parameter GroupStep = 1,  // weight address from one group to the next
    parameter Rows = 1,  // words of the row table
    parameter Columns = 1,  // words of the column table
    parameter TapBits = 1,  // bits of a tap count
    parameter RowTapStep = 0,  // weight address from one row tap to the next
    parameter RowOutputStep = 0,  // current address from one output row to the next
    parameter ColumnTapStep = 0,  // weight address from one column tap to the next
    parameter ColumnOutputStep = 0,  // current address from one output column to the next
    parameter WeightBits = 1,  // bits of a weight address
    parameter OutputBits = 1,  // bits of a current address
    parameter RowFile = "",  // table of the rows, hexadecimal
    parameter ColumnFile = "",  // table of the columns, hexadecimal
    parameter ChannelTable = 0,  // 1: the channel moves the output; needs one port
    parameter Channels = 1,  // words of the channel table
    parameter ChannelFile = ""  // table of the channels, hexadecimal
) (
    input  wire                         clk_i,
    input  wire                         rst_ni,
    // Events
    input  wire                         s_valid_i,
    output wire                         s_ready_o,
    input  wire                         s_last_i,
    input  wire [          RowBits-1:0] s_row_i,
    input  wire [       ColumnBits-1:0] s_column_i,
    input  wire [            Ports-1:0] s_event_i,
    input  wire [Ports*ChannelBits-1:0] s_channel_i,
    input  wire [   Ports*CodeBits-1:0] s_code_i,
    // Visits; they never wait, hold_i stops the next ones
    input  wire                         hold_i,
    output wire                         m_valid_o,
    output wire                         m_visit_o,
    output wire                         m_last_o,
    output wire [       WeightBits-1:0] m_weight_o,
    output wire [       OutputBits-1:0] m_output_o,
    output wire [            Ports-1:0] m_event_o,
    output wire [Ports*ChannelBits-1:0] m_channel_o,
    output wire [   Ports*CodeBits-1:0] m_code_o
);

  generate
    if (ChannelTable != 0 && Ports != 1) begin : gen_check_channel_table
      spikeloom_error_channel_table_needs_one_port u_error ();
    end
  endgenerate

  localparam GroupBits = (Groups > 1) ? $clog2(Groups) : 1;
  localparam [31:0] LastGroupValue = Groups - 1;
  localparam [GroupBits-1:0] LastGroup = LastGroupValue[GroupBits-1:0];
  localparam [31:0] GroupTapStepValue = (Groups > 1) ? GroupStep : 0;
  localparam [WeightBits-1:0] GroupTapStep = GroupTapStepValue[WeightBits-1:0];

  // ---------------------------------------------------------------------------
  // Stage 1: the event, and its entries of the tables
  // ---------------------------------------------------------------------------
  reg                         event_valid_q;
  reg                         event_last_q;
  reg [            Ports-1:0] event_q;
  reg [Ports*ChannelBits-1:0] event_channel_q;
  reg [   Ports*CodeBits-1:0] event_code_q;
  wire                        event_taken;
  wire                        accept = !event_valid_q || event_taken;

  assign s_ready_o = accept;

  always @(posedge clk_i) begin
    if (accept) begin
      event_last_q <= s_last_i;
      event_q <= s_event_i;
      event_channel_q <= s_channel_i;
      event_code_q <= s_code_i;
    end
    if (!rst_ni) event_valid_q <= 1'b0;
    else if (accept) event_valid_q <= s_valid_i;
  end

  wire [WeightBits-1:0] first_weight;
  wire [OutputBits-1:0] position_output;
  wire [OutputBits-1:0] channel_output;
  wire [OutputBits-1:0] first_output = position_output + channel_output;
  wire [   TapBits-1:0] row_taps;
  wire [   TapBits-1:0] column_taps;

  generate
    if (Spatial != 0) begin : gen_tables
      wire [WeightBits+OutputBits+TapBits-1:0] row_entry;
      wire [WeightBits+OutputBits+TapBits-1:0] column_entry;

      spikeloom_rom #(
          .Width(WeightBits + OutputBits + TapBits),
          .Depth(Rows),
          .AddressBits(RowBits),
          .File(RowFile)
      ) u_rows (
          .clk_i(clk_i),
          .en_i(accept),
          .address_i(s_row_i),
          .data_o(row_entry)
      );

      spikeloom_rom #(
          .Width(WeightBits + OutputBits + TapBits),
          .Depth(Columns),
          .AddressBits(ColumnBits),
          .File(ColumnFile)
      ) u_columns (
          .clk_i(clk_i),
          .en_i(accept),
          .address_i(s_column_i),
          .data_o(column_entry)
      );

      assign row_taps = row_entry[TapBits-1:0];
      assign column_taps = column_entry[TapBits-1:0];
      assign position_output = row_entry[TapBits+:OutputBits] + column_entry[TapBits+:OutputBits];
      assign first_weight =
          row_entry[TapBits+OutputBits+:WeightBits] + column_entry[TapBits+OutputBits+:WeightBits];
    end else begin : gen_dense
      wire unused = &{1'b0, s_row_i, s_column_i};
      assign row_taps = 1;
      assign column_taps = 1;
      assign position_output = 0;
      assign first_weight = 0;
    end

    if (ChannelTable != 0) begin : gen_channel_table
      spikeloom_rom #(
          .Width(OutputBits),
          .Depth(Channels),
          .AddressBits(ChannelBits),
          .File(ChannelFile)
      ) u_channels (
          .clk_i(clk_i),
          .en_i(accept),
          .address_i(s_channel_i[ChannelBits-1:0]),
          .data_o(channel_output)
      );
    end else begin : gen_one_part
      assign channel_output = 0;
    end
  endgenerate

  // An event that reaches nothing makes no visit, but still ends the step.
  wire reaches = (event_q != 0) && (row_taps != 0) && (column_taps != 0);

  // ---------------------------------------------------------------------------
  // Stage 2: the loop over groups, columns and rows
  // ---------------------------------------------------------------------------
  reg                         loop_valid_q;
  reg                         loop_visit_q;
  reg                         loop_last_q;
  reg [            Ports-1:0] loop_event_q;
  reg [Ports*ChannelBits-1:0] loop_channel_q;
  reg [   Ports*CodeBits-1:0] loop_code_q;
  reg [       WeightBits-1:0] weight_q;
  reg [       OutputBits-1:0] output_q;
  reg [        GroupBits-1:0] group_q;

  wire                        last_group = (group_q == LastGroup) || !loop_visit_q;
  wire                        last_tap;
  wire                        finished = last_group && last_tap;
  wire                        issue = loop_valid_q && !hold_i;
  wire                        load = !loop_valid_q || (issue && finished);

  assign event_taken = load;
  assign m_valid_o   = issue;
  assign m_visit_o   = loop_visit_q;
  assign m_last_o    = loop_last_q && finished;
  assign m_weight_o  = weight_q;
  assign m_output_o  = output_q;
  assign m_event_o   = loop_event_q;
  assign m_channel_o = loop_channel_q;
  assign m_code_o   = loop_code_q;

  always @(posedge clk_i) begin
    if (load) begin
      loop_visit_q <= reaches;
      loop_last_q <= event_last_q;
      loop_event_q <= event_q;
      loop_channel_q <= event_channel_q;
      loop_code_q <= event_code_q;
    end
    // An event that reaches nothing and ends no step is forgotten here.
    if (!rst_ni) loop_valid_q <= 1'b0;
    else if (load) loop_valid_q <= event_valid_q && (reaches || event_last_q);
  end

  always @(posedge clk_i) begin
    if (load) group_q <= 0;
    else if (issue) group_q <= last_group ? 0 : group_q + 1'b1;
  end

  generate
    if (Spatial != 0) begin : gen_taps
      localparam [31:0] RowTapValue = RowTapStep;
      localparam [WeightBits-1:0] RowTap = RowTapValue[WeightBits-1:0];
      localparam [31:0] RowOutputValue = RowOutputStep;
      localparam [OutputBits-1:0] RowOutput = RowOutputValue[OutputBits-1:0];
      localparam [31:0] ColumnTapValue = ColumnTapStep;
      localparam [WeightBits-1:0] ColumnTap = ColumnTapValue[WeightBits-1:0];
      localparam [31:0] ColumnOutputValue = ColumnOutputStep;
      localparam [OutputBits-1:0] ColumnOutput = ColumnOutputValue[OutputBits-1:0];

      reg [   TapBits-1:0] rows_left_q;
      reg [   TapBits-1:0] columns_left_q;
      reg [   TapBits-1:0] column_taps_q;
      reg [WeightBits-1:0] column_weight_q;  // first group of this column
      reg [OutputBits-1:0] column_output_q;
      reg [WeightBits-1:0] row_weight_q;  // first column of this row
      reg [OutputBits-1:0] row_output_q;
      wire                 last_column = (columns_left_q == 1);
      wire                 last_row = (rows_left_q == 1);
      wire [WeightBits-1:0] next_column_weight = column_weight_q + ColumnTap;
      wire [OutputBits-1:0] next_column_output = column_output_q - ColumnOutput;
      wire [WeightBits-1:0] next_row_weight = row_weight_q + RowTap;
      wire [OutputBits-1:0] next_row_output = row_output_q - RowOutput;

      assign last_tap = (last_column && last_row) || !loop_visit_q;

      always @(posedge clk_i) begin
        if (load) begin
          rows_left_q <= row_taps;
          columns_left_q <= column_taps;
          column_taps_q <= column_taps;
          weight_q <= first_weight;
          column_weight_q <= first_weight;
          row_weight_q <= first_weight;
          output_q <= first_output;
          column_output_q <= first_output;
          row_output_q <= first_output;
        end else if (issue) begin
          if (!last_group) begin
            weight_q <= weight_q + GroupTapStep;
            output_q <= output_q + 1'b1;
          end else if (!last_column) begin
            columns_left_q <= columns_left_q - 1'b1;
            weight_q <= next_column_weight;
            column_weight_q <= next_column_weight;
            output_q <= next_column_output;
            column_output_q <= next_column_output;
          end else begin
            rows_left_q <= rows_left_q - 1'b1;
            columns_left_q <= column_taps_q;
            weight_q <= next_row_weight;
            column_weight_q <= next_row_weight;
            row_weight_q <= next_row_weight;
            output_q <= next_row_output;
            column_output_q <= next_row_output;
            row_output_q <= next_row_output;
          end
        end
      end
    end else begin : gen_one_tap
      assign last_tap = 1'b1;

      always @(posedge clk_i) begin
        if (load) begin
          weight_q <= first_weight;
          output_q <= first_output;
        end else if (issue) begin
          weight_q <= weight_q + GroupTapStep;
          output_q <= (Groups > 1) ? output_q + 1'b1 : output_q;
        end
      end
    end
  endgenerate

endmodule

`default_nettype wire
