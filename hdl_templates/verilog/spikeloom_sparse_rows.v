// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// Rows of weights of which only the words that hold a weight are there.
//
// Function    The address rule asks for rows: one of so many words of weights for
//             an input channel and a kernel tap. Words that are all zero are
//             neither stored nor visited; the others lie behind each other. Two
//             tables say where they belong:
//
//               row table    = { first stored word, number of words }
//               offset table = output word of a stored word at its position
//
//             A visit adds the stored word word_o to the current word
//             output_o, which is the position's first one plus the offset. Rows
//             that are equal may have the same stored words.
// Order       The stored words of a row one after the other, then the next row.
// Last        m_last_o comes with the last visit of a time step, also when that
//             step, or its last row, has none: then m_visit_o is low.
//             m_close_o is high one clock before: that visit sets out.
// Latency     3 clocks from a row to its first visit.
// Throughput  One visit per clock: a row takes as many clocks as it has stored
//             words, at least 1. It is looked up while the one before is visited.
// Hold        hold_i stops the visits that set out in the same clock.

`default_nettype none

module spikeloom_sparse_rows #(
    parameter Rows = 2,  // words of the row table
    parameter Words = 2,  // stored words
    parameter Groups = 2,  // words of output channels per position: the most that a row has
    parameter OutputBits = 1,  // bits of a current address
    parameter CodeBits = 1,  // bits of the code of an event
    parameter RowFile = "",  // the row table, hexadecimal
    parameter OffsetFile = "",  // the offset table, hexadecimal; none with 1 group
    // Derived, not to be set
    parameter RowBits = (Rows > 1) ? $clog2(Rows) : 1,
    parameter WordBits = (Words > 1) ? $clog2(Words) : 1
) (
    input  wire                  clk_i,
    input  wire                  rst_ni,
    // Rows
    input  wire                  s_valid_i,
    output wire                  s_ready_o,
    input  wire                  s_visit_i,
    input  wire                  s_last_i,
    input  wire [   RowBits-1:0] s_row_i,
    input  wire [OutputBits-1:0] s_output_i,
    input  wire [  CodeBits-1:0] s_code_i,
    // Visits; they never wait, hold_i stops the next ones
    input  wire                  hold_i,
    output wire                  m_close_o,
    output wire                  m_valid_o,
    output wire                  m_visit_o,
    output wire                  m_last_o,
    output wire [  WordBits-1:0] m_word_o,
    output wire [OutputBits-1:0] m_output_o,
    output wire [  CodeBits-1:0] m_code_o
);

  localparam CountBits = $clog2(Groups + 1);

  // ---------------------------------------------------------------------------
  // Stage 1: the row, and its entry of the table
  // ---------------------------------------------------------------------------
  reg                           row_valid_q;
  reg                           row_visit_q;
  reg                           row_last_q;
  reg  [        OutputBits-1:0] row_output_q;
  reg  [          CodeBits-1:0] row_code_q;
  wire [WordBits+CountBits-1:0] row_entry;
  wire [         CountBits-1:0] row_count = row_entry[CountBits-1:0];
  wire                          load;
  wire                          accept = !row_valid_q || load;

  assign s_ready_o = accept;

  spikeloom_rom #(
      .Width(WordBits + CountBits),
      .Depth(Rows),
      .AddressBits(RowBits),
      .File(RowFile)
  ) u_rows (
      .clk_i(clk_i),
      .en_i(accept),
      .address_i(s_row_i),
      .data_o(row_entry)
  );

  always @(posedge clk_i) begin
    if (accept) begin
      row_visit_q <= s_visit_i;
      row_last_q <= s_last_i;
      row_output_q <= s_output_i;
      row_code_q <= s_code_i;
    end
    if (!rst_ni) row_valid_q <= 1'b0;
    else if (accept) row_valid_q <= s_valid_i;
  end

  // ---------------------------------------------------------------------------
  // Stage 2: the loop over the stored words of a row
  // ---------------------------------------------------------------------------
  reg                  loop_valid_q;
  reg                  loop_visit_q;
  reg                  loop_last_q;
  reg [  WordBits-1:0] word_q;
  reg [OutputBits-1:0] output_q;
  reg [  CodeBits-1:0] code_q;
  wire                 finished;
  wire                 issue = loop_valid_q && !hold_i;
  wire                 has_words = row_visit_q && (row_count != 0);

  assign load = !loop_valid_q || (issue && finished);
  assign m_close_o = issue && finished && loop_last_q;

  always @(posedge clk_i) begin
    if (load) begin
      loop_visit_q <= has_words;
      loop_last_q <= row_last_q;
      output_q <= row_output_q;
      code_q <= row_code_q;
    end
    if (load) word_q <= row_entry[CountBits+:WordBits];
    else if (issue) word_q <= word_q + 1'b1;
    // A row without words that ends no step is forgotten here.
    if (!rst_ni) loop_valid_q <= 1'b0;
    else if (load) loop_valid_q <= row_valid_q && (has_words || row_last_q);
  end

  generate
    if (Groups > 1) begin : gen_count
      // Whether a word is the last one is known from a register: the address rule,
      // and what is in front of it, waits for it.
      reg [CountBits-1:0] left_q;
      reg                 finished_q;
      assign finished = finished_q;

      always @(posedge clk_i) begin
        if (load) begin
          left_q <= row_count;
          finished_q <= !row_visit_q || (row_count[CountBits-1:1] == 0);
        end else if (issue) begin
          left_q <= left_q - 1'b1;
          finished_q <= (left_q == 2);
        end
      end
    end else begin : gen_one
      assign finished = 1'b1;
    end
  endgenerate

  // ---------------------------------------------------------------------------
  // Stage 3: the visit, and the offset of its output
  // ---------------------------------------------------------------------------
  reg                  visit_valid_q;
  reg                  visit_visit_q;
  reg                  visit_last_q;
  reg [  WordBits-1:0] visit_word_q;
  reg [OutputBits-1:0] visit_output_q;
  reg [  CodeBits-1:0] visit_code_q;

  assign m_valid_o = visit_valid_q;
  assign m_visit_o = visit_visit_q;
  assign m_last_o  = visit_last_q;
  assign m_word_o  = visit_word_q;
  assign m_code_o  = visit_code_q;

  always @(posedge clk_i) begin
    visit_valid_q <= issue && rst_ni;
    visit_visit_q <= loop_visit_q;
    visit_last_q <= finished && loop_last_q;
    visit_word_q <= word_q;
    visit_output_q <= output_q;
    visit_code_q <= code_q;
  end

  generate
    if (Groups > 1) begin : gen_offsets
      localparam OffsetBits = $clog2(Groups);
      wire [OffsetBits-1:0] offset;

      spikeloom_rom #(
          .Width(OffsetBits),
          .Depth(Words),
          .AddressBits(WordBits),
          .File(OffsetFile)
      ) u_offsets (
          .clk_i(clk_i),
          .en_i(1'b1),
          .address_i(word_q),
          .data_o(offset)
      );

      assign m_output_o = visit_output_q + {{(OutputBits - OffsetBits) {1'b0}}, offset};
    end else begin : gen_no_offsets
      assign m_output_o = visit_output_q;
    end
  endgenerate

endmodule

`default_nettype wire
