// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A read-only memory with a registered output, filled from a file.
//
// Function    Ports words are read at once, one by each address.
// Latency     1 clock, held while en_i is low.
// Throughput  Ports words per clock.
// Synthesis   Becomes block RAM, or LUTs where it is small. With two ports it
//             takes the two sides of a block RAM where these have two (ECP5,
//             Gowin, 7-series), and a copy where they have not (iCE40).

`default_nettype none

module spikeloom_rom #(
    parameter Width = 8,  // bits of a word
    parameter Depth = 2,  // words, 1 or more
    parameter AddressBits = (Depth > 1) ? $clog2(Depth) : 1,
    parameter Ports = 1,  // words read per clock
    parameter File = ""  // hexadecimal, one word a line; without it all words are 0
) (
    input  wire                         clk_i,
    input  wire                         en_i,
    input  wire [Ports*AddressBits-1:0] address_i,
    output reg  [      Ports*Width-1:0] data_o
);

  reg [Width-1:0] memory[0:Depth-1];

  generate
    if (File != "") begin : gen_contents
      initial $readmemh(File, memory);
    end else begin : gen_zero
      integer i;
      initial for (i = 0; i < Depth; i = i + 1) memory[i] = 0;
    end
  endgenerate

  genvar p;
  generate
    for (p = 0; p < Ports; p = p + 1) begin : gen_port
      always @(posedge clk_i) begin
        if (en_i) data_o[p*Width+:Width] <= memory[address_i[p*AddressBits+:AddressBits]];
      end
    end
  endgenerate

endmodule

`default_nettype wire
