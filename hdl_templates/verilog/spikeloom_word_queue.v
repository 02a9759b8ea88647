// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// Words of a map and where they belong: the queue in front of every engine.
//
// Function    Words arrive in stream order: the groups of a position, then x,
//             then y; tlast ends a time step and returns to the first position,
//             so that a short step leaves the rest silent (the words of a step
//             that is too long count at the first positions again). Words that
//             are all zero are dropped on arrival and cost nothing later; the
//             last word of a step is kept in any case.
// Group       The first group of a position is 0, the next is GroupStep.
// Capacity    Depth + 1 words, so that a block in front can deliver a whole
//             time step while the step before is still being worked on.
// Latency     2 clocks.
// Throughput  One word per clock on both sides; every second clock with Depth 1.
// Reset       Forgets everything and expects the first position.

`default_nettype none

module spikeloom_word_queue #(
    parameter Width = 4,  // bits of a word
    parameter Groups = 1,  // words per position
    parameter GroupStep = 1,  // from one group number to the next
    parameter Columns = 1,  // positions along x
    parameter Rows = 1,  // positions along y
    parameter Depth = 4,  // words held
    // Derived, not to be set
    parameter RowBits = (Rows > 1) ? $clog2(Rows) : 1,
    parameter ColumnBits = (Columns > 1) ? $clog2(Columns) : 1,
    parameter GroupBits = (Groups * GroupStep > 1) ? $clog2(Groups * GroupStep) : 1
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    input  wire [     Width-1:0] s_axis_tdata,
    input  wire                  s_axis_tvalid,
    output wire                  s_axis_tready,
    input  wire                  s_axis_tlast,
    output wire                  m_valid_o,
    input  wire                  m_ready_i,
    output wire                  m_last_o,
    output wire [   RowBits-1:0] m_row_o,
    output wire [ColumnBits-1:0] m_column_o,
    output wire [ GroupBits-1:0] m_group_o,
    output wire [     Width-1:0] m_word_o
);

  localparam EntryBits = 1 + RowBits + ColumnBits + GroupBits + Width;
  localparam [31:0] LastRowValue = Rows - 1;
  localparam [RowBits-1:0] LastRow = LastRowValue[RowBits-1:0];
  localparam [31:0] LastColumnValue = Columns - 1;
  localparam [ColumnBits-1:0] LastColumn = LastColumnValue[ColumnBits-1:0];
  localparam [31:0] LastGroupValue = (Groups - 1) * GroupStep;
  localparam [GroupBits-1:0] LastGroup = LastGroupValue[GroupBits-1:0];
  localparam [31:0] StepValue = (Groups > 1) ? GroupStep : 0;
  localparam [GroupBits-1:0] Step = StepValue[GroupBits-1:0];

  // ---------------------------------------------------------------------------
  // Position of the arriving word
  // ---------------------------------------------------------------------------
  reg [RowBits-1:0] row_q;
  reg [ColumnBits-1:0] column_q;
  reg [GroupBits-1:0] group_q;

  wire accept = s_axis_tvalid && s_axis_tready;
  wire last_group = (group_q == LastGroup);
  wire last_column = (column_q == LastColumn);
  wire last_row = (row_q == LastRow);

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      row_q <= 0;
      column_q <= 0;
      group_q <= 0;
    end else if (accept) begin
      if (s_axis_tlast) begin
        row_q <= 0;
        column_q <= 0;
        group_q <= 0;
      end else begin
        group_q <= last_group ? 0 : group_q + Step;
        if (last_group) column_q <= last_column ? 0 : column_q + 1'b1;
        if (last_group && last_column) row_q <= last_row ? 0 : row_q + 1'b1;
      end
    end
  end

  // ---------------------------------------------------------------------------
  // Queue of the words that say something or end a step
  // ---------------------------------------------------------------------------
  wire keep = (s_axis_tdata != 0) || s_axis_tlast;

  spikeloom_fifo #(
      .Width(EntryBits),
      .Depth(Depth)
  ) u_fifo (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axis_tdata({s_axis_tlast, row_q, column_q, group_q, s_axis_tdata}),
      .s_axis_tvalid(s_axis_tvalid && keep),
      .s_axis_tready(s_axis_tready),
      .m_axis_tdata({m_last_o, m_row_o, m_column_o, m_group_o, m_word_o}),
      .m_axis_tvalid(m_valid_o),
      .m_axis_tready(m_ready_i)
  );

endmodule

`default_nettype wire
