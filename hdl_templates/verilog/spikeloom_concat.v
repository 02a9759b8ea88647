// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A concatenation of streams: the channels of all inputs, one after the other.
//
// Function    At every position Groups(0) beats of input 0 leave, then Groups(1)
//             of input 1, and so on; after the last input the next position
//             begins. Values are extended to OutBits.
// Format      Input k is slot k of s_axis_tdata; its values stand at the bottom
//             of the slot, each InBits(k) wide, signed where Signed(k) is set.
// Order       tlast leaves with that of the last input; the others are not read.
// Latency     1 clock.
// Throughput  One beat per clock, also from input to input.
// Reset       Starts a new position.

`default_nettype none

module spikeloom_concat #(
    parameter Inputs = 2,  // streams, 1 or more
    parameter Lanes = 4,  // values in a beat
    parameter SlotBits = 32,  // bits of a beat of one input
    parameter [8*Inputs-1:0] InBits = 16'h0808,  // bits of a value, 8 bits per input, first lowest
    parameter [Inputs-1:0] Signed = 2'h3,  // 1: the values of the input are signed
    parameter [32*Inputs-1:0] Groups = 64'h100000001,  // beats per position, 32 bits per input
    parameter OutBits = 8  // bits of a value that leaves
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

  function [31:0] largest(input [32*Inputs-1:0] counts);
    integer i;
    begin
      largest = 0;
      for (i = 0; i < Inputs; i = i + 1) begin
        if (counts[32*i+:32] > largest) largest = counts[32*i+:32];
      end
    end
  endfunction

  localparam SelectBits = (Inputs > 1) ? $clog2(Inputs) : 1;
  localparam [31:0] LastInputValue = Inputs - 1;
  localparam [SelectBits-1:0] LastInput = LastInputValue[SelectBits-1:0];
  localparam [31:0] MostGroups = largest(Groups);
  localparam GroupBits = (MostGroups > 1) ? $clog2(MostGroups) : 1;

  // The top of a slot and the other inputs' tlast mean nothing.
  wire unused = &{1'b0, s_axis_tdata, s_axis_tlast};

  // ---------------------------------------------------------------------------
  // Inputs, extended
  // ---------------------------------------------------------------------------
  wire [Lanes*OutBits-1:0] words[0:Inputs-1];
  wire [GroupBits-1:0] last_groups[0:Inputs-1];

  genvar k, l;
  generate
    for (k = 0; k < Inputs; k = k + 1) begin : gen_input
      localparam [31:0] Bits = {24'd0, InBits[8*k+:8]};
      localparam [31:0] LastGroup = Groups[32*k+:32] - 1;

      if (Bits == 0) begin : gen_check_bits
        spikeloom_error_in_bits_must_be_given_for_every_input u_error ();
      end
      if (Groups[32*k+:32] == 0) begin : gen_check_groups
        spikeloom_error_groups_must_be_given_for_every_input u_error ();
      end
      if (Lanes * Bits > SlotBits) begin : gen_check_slot
        spikeloom_error_slot_must_hold_a_beat_of_every_input u_error ();
      end
      if (Bits > OutBits) begin : gen_check_out
        spikeloom_error_out_bits_must_hold_every_input u_error ();
      end

      assign last_groups[k] = LastGroup[GroupBits-1:0];

      for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
        localparam Base = k * SlotBits + l * Bits;
        assign words[k][l*OutBits+:OutBits] = {
          {(OutBits - Bits) {Signed[k] && s_axis_tdata[Base+Bits-1]}}, s_axis_tdata[Base+:Bits]
        };
      end
    end
  endgenerate

  // ---------------------------------------------------------------------------
  // Whose turn it is
  // ---------------------------------------------------------------------------
  reg [SelectBits-1:0] select_q;
  reg [GroupBits-1:0] group_q;

  wire run = !m_axis_tvalid || m_axis_tready;
  wire valid = s_axis_tvalid[select_q];
  wire last_input = (select_q == LastInput);
  wire last_group = (group_q == last_groups[select_q]);

  assign s_axis_tready = {{(Inputs - 1) {1'b0}}, run} << select_q;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      select_q <= 0;
      group_q  <= 0;
    end else if (valid && run) begin
      group_q <= last_group ? 0 : group_q + 1'b1;
      if (last_group) select_q <= last_input ? 0 : select_q + 1'b1;
    end
  end

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
      out_q <= words[select_q];
      out_last_q <= last_input && s_axis_tlast[Inputs-1];
    end
    if (!rst_ni) out_valid_q <= 1'b0;
    else if (run) out_valid_q <= valid;
  end

endmodule

`default_nettype wire
