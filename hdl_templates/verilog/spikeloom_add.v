// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// An adder of streams: one beat of every input makes one beat of sums.
//
// Function    out = sum of (input k << shift k) + bias, lane by lane. One input
//             alone is legal: a bias, a shift, or spikes that become currents.
// Format      Input k is slot k of s_axis_tdata; its values stand at the bottom
//             of the slot, each InBits(k) wide, signed where Signed(k) is set.
//             Sums are OutBits wide and wrap, so only the final sum has to fit,
//             which width inference proves.
// Constants   The bias is a parameter where all channels share it, else word
//             i modulo TableDepth of a table for beat i of a time step.
// Order       A beat is taken from all inputs at once. tlast is that of input 0;
//             the table starts anew behind it.
// Latency     1 clock.
// Throughput  One beat per clock.
// Reset       Starts a new time step.

`default_nettype none

module spikeloom_add #(
    parameter Inputs = 2,  // streams, 1 or more
    parameter Lanes = 4,  // values in a beat
    parameter SlotBits = 32,  // bits of a beat of one input
    parameter [8*Inputs-1:0] InBits = 16'h0808,  // bits of a value, 8 bits per input, first lowest
    parameter [8*Inputs-1:0] Shifts = 0,  // left shift, 8 bits per input, first lowest
    parameter [Inputs-1:0] Signed = 2'h3,  // 1: the values of the input are signed
    parameter OutBits = 9,  // bits of a sum
    // Bias
    parameter Table = 0,  // 1: from the table, one signed value per lane
    parameter BiasBits = 2,  // bits of a bias in the table, signed
    parameter TableDepth = 1,  // words of the table
    parameter TableFile = "",  // the table, hexadecimal
    parameter signed [31:0] Bias = 0  // bias of all channels, without a table
) (
    input  wire                       clk_i,
    input  wire                       rst_ni,
    input  wire [Inputs*SlotBits-1:0] s_axis_tdata,
    input  wire [         Inputs-1:0] s_axis_tvalid,
    output wire [         Inputs-1:0] s_axis_tready,
    input  wire [         Inputs-1:0] s_axis_tlast,
    output wire [  Lanes*OutBits-1:0] m_axis_tdata,
    output wire                       m_axis_tvalid,
    input  wire                       m_axis_tready,
    output wire                       m_axis_tlast
);

  // The top of a slot and the other inputs' tlast mean nothing.
  wire unused = &{1'b0, s_axis_tdata, s_axis_tlast};

  wire run = !m_axis_tvalid || m_axis_tready;
  wire accept = (&s_axis_tvalid) && run;

  assign s_axis_tready = {Inputs{accept}};

  // ---------------------------------------------------------------------------
  // Biases: those of the next beat are always there already
  // ---------------------------------------------------------------------------
  wire [Lanes*OutBits-1:0] biases;

  genvar k, l;
  generate
    if (Table != 0) begin : gen_table
      localparam TableBits = (TableDepth > 1) ? $clog2(TableDepth) : 1;
      localparam [31:0] LastEntryValue = TableDepth - 1;
      localparam [TableBits-1:0] LastEntry = LastEntryValue[TableBits-1:0];
      localparam Taken = (BiasBits < OutBits) ? BiasBits : OutBits;
      reg [TableBits-1:0] entry_q;  // the word that has been read
      wire [Lanes*BiasBits-1:0] entry;
      wire restart = !rst_ni || s_axis_tlast[0] || (entry_q == LastEntry);
      wire [TableBits-1:0] entry_next = restart ? 0 : entry_q + 1'b1;
      wire unused_top = &{1'b0, entry};

      always @(posedge clk_i) begin
        if (!rst_ni || accept) entry_q <= entry_next;
      end

      spikeloom_rom #(
          .Width(Lanes * BiasBits),
          .Depth(TableDepth),
          .File(TableFile)
      ) u_table (
          .clk_i(clk_i),
          .en_i(!rst_ni || accept),
          .address_i(entry_next),
          .data_o(entry)
      );

      for (l = 0; l < Lanes; l = l + 1) begin : gen_entry
        assign biases[l*OutBits+:OutBits] = {
          {(OutBits - Taken) {entry[l*BiasBits+BiasBits-1]}}, entry[l*BiasBits+:Taken]
        };
      end
    end else begin : gen_constant
      localparam Taken = (OutBits < 32) ? OutBits : 32;
      assign biases = {Lanes{{(OutBits - Taken) {Bias[31]}}, Bias[Taken-1:0]}};
    end
  endgenerate

  // ---------------------------------------------------------------------------
  // Sums, lane by lane
  // ---------------------------------------------------------------------------
  wire [Lanes*OutBits-1:0] sums;

  function [OutBits-1:0] total(input [Inputs*OutBits-1:0] terms, input [OutBits-1:0] bias);
    integer i;
    begin
      total = bias;
      for (i = 0; i < Inputs; i = i + 1) total = total + terms[i*OutBits+:OutBits];
    end
  endfunction

  generate
    for (k = 0; k < Inputs; k = k + 1) begin : gen_check
      localparam [31:0] Bits = {24'd0, InBits[8*k+:8]};
      if (Bits == 0) begin : gen_check_bits
        spikeloom_error_in_bits_must_be_given_for_every_input u_error ();
      end
      if (Lanes * Bits > SlotBits) begin : gen_check_slot
        spikeloom_error_slot_must_hold_a_beat_of_every_input u_error ();
      end
    end

    for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
      wire [Inputs*OutBits-1:0] terms;

      for (k = 0; k < Inputs; k = k + 1) begin : gen_term
        localparam [31:0] Bits = {24'd0, InBits[8*k+:8]};
        localparam [31:0] Shift = {24'd0, Shifts[8*k+:8]};
        localparam [31:0] Taken = (Bits < OutBits) ? Bits : OutBits;
        localparam Base = k * SlotBits + l * Bits;
        wire [OutBits-1:0] wide = {
          {(OutBits - Taken) {Signed[k] && s_axis_tdata[Base+Bits-1]}}, s_axis_tdata[Base+:Taken]
        };
        assign terms[k*OutBits+:OutBits] = wide << Shift;
      end

      assign sums[l*OutBits+:OutBits] = total(terms, biases[l*OutBits+:OutBits]);
    end
  endgenerate

  // ---------------------------------------------------------------------------
  // Output register
  // ---------------------------------------------------------------------------
  reg [Lanes*OutBits-1:0] out_q;
  reg out_valid_q;
  reg out_last_q;

  assign m_axis_tdata  = out_q;
  assign m_axis_tvalid = out_valid_q;
  assign m_axis_tlast  = out_last_q;

  always @(posedge clk_i) begin
    if (run) begin
      out_q <= sums;
      out_last_q <= s_axis_tlast[0];
    end
    if (!rst_ni) out_valid_q <= 1'b0;
    else if (run) out_valid_q <= accept;
  end

endmodule

`default_nettype wire
