// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A first-in first-out buffer on AXI4-Stream, over one synchronous memory.
//
// Function    Words leave in the order in which they came.
// Capacity    Depth + 1 words: the memory and its output register.
// Latency     2 clocks from an accepted word to a valid output, empty buffer.
// Throughput  One word per clock on both sides; every second clock with Depth 1.
// Reset       Empties the buffer; the memory keeps its old content, unread.
// Does not    cross clock domains.

`default_nettype none

module spikeloom_fifo #(
    parameter Width = 8,  // bits of a word
    parameter Depth = 16  // words in the memory, 1 or more
) (
    input  wire             clk_i,
    input  wire             rst_ni,
    input  wire [Width-1:0] s_axis_tdata,
    input  wire             s_axis_tvalid,
    output wire             s_axis_tready,
    output wire [Width-1:0] m_axis_tdata,
    output wire             m_axis_tvalid,
    input  wire             m_axis_tready
);

  localparam PointerBits = (Depth > 1) ? $clog2(Depth) : 1;
  localparam CountBits = $clog2(Depth + 1);
  localparam [31:0] LastPointerValue = Depth - 1;
  localparam [PointerBits-1:0] LastPointer = LastPointerValue[PointerBits-1:0];
  localparam [31:0] BeforeFullValue = Depth - 1;
  localparam [CountBits-1:0] BeforeFull = BeforeFullValue[CountBits-1:0];

  // The address of a word that is written and read in one clock is never the
  // same: a read waits until the count shows the word.
  (* no_rw_check *)
  reg [Width-1:0] memory[0:Depth-1];
  reg [PointerBits-1:0] write_pointer_q;
  reg [PointerBits-1:0] read_pointer_q;
  reg [CountBits-1:0] count_q;
  reg full_q;  // count_q is Depth
  reg filled_q;  // count_q is not 0
  reg [Width-1:0] data_q;
  reg valid_q;

  wire write = s_axis_tvalid && s_axis_tready;
  wire read = filled_q && (!valid_q || m_axis_tready);

  assign s_axis_tready = !full_q;
  assign m_axis_tdata  = data_q;
  assign m_axis_tvalid = valid_q;

  always @(posedge clk_i) begin
    if (write) memory[write_pointer_q] <= s_axis_tdata;
    if (read) data_q <= memory[read_pointer_q];
  end

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      write_pointer_q <= 0;
      read_pointer_q <= 0;
      count_q <= 0;
      full_q <= 1'b0;
      filled_q <= 1'b0;
      valid_q <= 1'b0;
    end else begin
      if (write) begin
        write_pointer_q <= (write_pointer_q == LastPointer) ? 0 : write_pointer_q + 1'b1;
      end
      if (read) begin
        read_pointer_q <= (read_pointer_q == LastPointer) ? 0 : read_pointer_q + 1'b1;
      end
      if (write && !read) begin
        count_q <= count_q + 1'b1;
        full_q <= (count_q == BeforeFull);
        filled_q <= 1'b1;
      end
      if (read && !write) begin
        count_q <= count_q - 1'b1;
        full_q <= 1'b0;
        filled_q <= (count_q != 1);
      end
      if (read) valid_q <= 1'b1;
      else if (m_axis_tready) valid_q <= 1'b0;
    end
  end

endmodule

`default_nettype wire
