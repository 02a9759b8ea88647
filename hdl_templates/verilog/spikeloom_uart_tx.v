// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A sender of serial characters: 8 data bits, no parity, 1 stop bit.
//
// Function    Sends each character that it accepts, least significant bit first.
// Latency     1 clock from an accepted character to its start bit on the line.
// Throughput  One character in 10 bit times.
// Reset       Breaks off a character in progress; the line is high.
// Does not    buffer: ready_o is low while a character is on the line.

`default_nettype none

module spikeloom_uart_tx #(
    parameter ClocksPerBit = 217  // clk_i periods in a bit time, 2 or more
) (
    input  wire       clk_i,
    input  wire       rst_ni,
    input  wire [7:0] data_i,
    input  wire       valid_i,
    output wire       ready_o,
    output wire       tx_o      // the line, from a register
);

  localparam CountBits = $clog2(ClocksPerBit);
  localparam [31:0] FullBit = ClocksPerBit - 1;  // last value of the counter

  generate
    if (ClocksPerBit < 2) begin : gen_check
      spikeloom_error_clocks_per_bit_must_be_2_or_more u_error ();
    end
  endgenerate

  reg [8:0] shift_q;  // the bit on the line is bit 0, ones follow the character
  reg [3:0] left_q;  // bits on the line or still to come, 0 between characters
  reg [CountBits-1:0] count_q;  // clocks to the next bit

  assign ready_o = (left_q == 0);
  assign tx_o = shift_q[0];

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      shift_q <= 9'h1ff;
      left_q  <= 0;
      count_q <= 0;
    end else if (left_q == 0) begin
      if (valid_i) begin
        shift_q <= {data_i, 1'b0};
        left_q  <= 4'd10;
        count_q <= FullBit[CountBits-1:0];
      end
    end else if (count_q == 0) begin
      shift_q <= {1'b1, shift_q[8:1]};
      left_q  <= left_q - 1'b1;
      count_q <= FullBit[CountBits-1:0];
    end else begin
      count_q <= count_q - 1'b1;
    end
  end

endmodule

`default_nettype wire
