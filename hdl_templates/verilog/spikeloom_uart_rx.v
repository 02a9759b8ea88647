// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A receiver of serial characters: 8 data bits, no parity, 1 stop bit.
//
// Function    Synchronises the line with two registers, finds the edge of a
//             start bit and samples every bit in its middle.
// Latency     data_o is valid in the clock in which valid_o is high, half a
//             bit before the end of the stop bit.
// Throughput  One character in 10 bit times; there is no back-pressure, who
//             listens must take a character at once.
// Reset       Forgets a character in progress.
// Does not    measure the baud rate or vote over several samples: the rates of
//             both sides may differ by 4 % at most.

`default_nettype none

module spikeloom_uart_rx #(
    parameter ClocksPerBit = 217  // clk_i periods in a bit time, 4 or more
) (
    input  wire       clk_i,
    input  wire       rst_ni,
    input  wire       rx_i,     // the line, asynchronous
    output wire [7:0] data_o,
    output wire       valid_o,  // for one clock: a character came
    output wire       error_o,  // for one clock: its stop bit was missing
    output wire       busy_o    // the line is low, or a character is in progress
);

  localparam CountBits = $clog2(ClocksPerBit);
  localparam [31:0] FullBit = ClocksPerBit - 1;  // last values of the counter
  localparam [31:0] HalfBit = ClocksPerBit / 2 - 1;
  localparam [3:0] StartBit = 4'd10;  // bits left to sample, the start bit included
  localparam [3:0] StopBit = 4'd1;

  generate
    if (ClocksPerBit < 4) begin : gen_check
      spikeloom_error_clocks_per_bit_must_be_4_or_more u_error ();
    end
  endgenerate

  reg [1:0] line_q;
  reg [CountBits-1:0] count_q;  // clocks to the next sample
  reg [3:0] left_q;  // samples to take, 0 between characters
  reg [7:0] data_q;

  wire line = line_q[1];
  wire sample = (left_q != 0) && (count_q == 0);

  assign data_o  = data_q;
  assign valid_o = sample && (left_q == StopBit) && line;
  assign error_o = sample && (left_q == StopBit) && !line;
  assign busy_o  = !line || (left_q != 0);

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      line_q  <= 2'b11;
      left_q  <= 0;
      count_q <= 0;
    end else begin
      line_q  <= {line_q[0], rx_i};
      count_q <= count_q - 1'b1;
      if (left_q == 0) begin
        count_q <= HalfBit[CountBits-1:0];
        if (!line) left_q <= StartBit;
      end else if (count_q == 0) begin
        count_q <= FullBit[CountBits-1:0];
        // A line that is high again in the middle of the start bit was a spike.
        left_q  <= (left_q == StartBit && line) ? 4'd0 : left_q - 1'b1;
      end
    end
  end

  always @(posedge clk_i) begin
    // The start bit is shifted in and out again; the stop bit never enters.
    if (sample && left_q != StopBit) data_q <= {line, data_q[7:1]};
  end

endmodule

`default_nettype wire
