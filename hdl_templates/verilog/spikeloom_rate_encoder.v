// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// The rate encoder: values in, one spike train per value out.
//
// Function    Keeps one frame of values and sends TimeSteps frames of spikes.
//             A value spikes where it is larger than a random number r of its
//             own width, so that its rate is value / 2^ValueBits.
// Random      One 16-bit Galois LFSR (shifted right, feedback mask 16'hB400),
//             back at Seed for every inference. It takes 16 steps for every
//             value, in stream order, time step after time step; r is its low
//             ValueBits bits after the 16 steps. Lanes values per clock are
//             served by leaping ahead, which is linear: only exclusive ors.
// Length      tlast ends a frame. One that ends early is silent behind its end,
//             of one that ends late the surplus beats are ignored.
// Latency     One frame, then 2 clocks.
// Throughput  One beat in or out per clock; a frame waits for the one before.
// Reset       Forgets the frame.

`default_nettype none

module spikeloom_rate_encoder #(
    parameter Lanes = 4,  // values in a beat
    parameter ValueBits = 8,  // 1 to 16
    parameter Words = 4,  // beats in a frame
    parameter TimeSteps = 4,  // time steps of an inference
    parameter [15:0] Seed = 16'hACE1  // state when an inference starts, not 0
) (
    input  wire                       clk_i,
    input  wire                       rst_ni,
    input  wire [Lanes*ValueBits-1:0] s_axis_tdata,
    input  wire                       s_axis_tvalid,
    output wire                       s_axis_tready,
    input  wire                       s_axis_tlast,
    output wire [          Lanes-1:0] m_axis_tdata,
    output wire                       m_axis_tvalid,
    input  wire                       m_axis_tready,
    output wire                       m_axis_tlast
);

  generate
    if (ValueBits < 1 || ValueBits > 16) begin : gen_check_value_bits
      spikeloom_error_value_bits_must_be_1_to_16 u_error ();
    end
    if (Seed == 16'h0000) begin : gen_check_seed
      spikeloom_error_seed_must_not_be_0 u_error ();
    end
  endgenerate

  localparam AddressBits = (Words > 1) ? $clog2(Words) : 1;
  localparam StepBits = (TimeSteps > 1) ? $clog2(TimeSteps) : 1;
  localparam [31:0] LastAddressValue = Words - 1;
  localparam [AddressBits-1:0] LastAddress = LastAddressValue[AddressBits-1:0];
  localparam [31:0] LastStepValue = TimeSteps - 1;
  localparam [StepBits-1:0] LastStep = LastStepValue[StepBits-1:0];

  // ---------------------------------------------------------------------------
  // The frame: written while it arrives, then read once per time step
  // ---------------------------------------------------------------------------
  // A frame is read only after it has been written.
  (* no_rw_check *)
  reg [Lanes*ValueBits-1:0] memory[0:Words-1];
  reg [Lanes*ValueBits-1:0] values_q;
  reg [AddressBits-1:0] address_q;
  reg [AddressBits-1:0] offered_address_q;
  reg [StepBits-1:0] step_q;
  reg surplus_q;  // the beats that come now are behind the end of the frame
  reg full_q;  // the frame is complete and is being sent
  reg offered_q;

  wire accept = s_axis_tvalid && s_axis_tready;
  wire taken = m_axis_tvalid && m_axis_tready;
  wire last_address = (address_q == LastAddress);
  wire fetch = full_q && (!offered_q || taken);
  wire filled = accept && s_axis_tlast;

  assign s_axis_tready = !full_q && !offered_q;
  assign m_axis_tvalid = offered_q;
  assign m_axis_tlast  = (offered_address_q == LastAddress);

  // A frame that ends early is silent behind its end.
  reg [AddressBits-1:0] written_q;
  reg blank_q;

  always @(posedge clk_i) begin
    if (accept && !surplus_q) memory[address_q] <= s_axis_tdata;
    if (fetch) begin
      values_q <= memory[address_q];
      offered_address_q <= address_q;
      blank_q <= (address_q > written_q);
    end
  end

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      address_q <= 0;
      written_q <= 0;
      step_q <= 0;
      surplus_q <= 1'b0;
      full_q <= 1'b0;
      offered_q <= 1'b0;
    end else begin
      if (accept) begin
        address_q <= (filled || last_address) ? 0 : address_q + 1'b1;
        surplus_q <= !filled && (surplus_q || last_address);
      end
      if (filled) begin
        written_q <= surplus_q ? LastAddress : address_q;
        full_q <= 1'b1;
      end
      if (fetch) begin
        address_q <= last_address ? 0 : address_q + 1'b1;
        if (last_address) begin
          step_q <= (step_q == LastStep) ? 0 : step_q + 1'b1;
          if (step_q == LastStep) full_q <= 1'b0;
        end
      end
      if (fetch) offered_q <= 1'b1;
      else if (taken) offered_q <= 1'b0;
    end
  end

  // ---------------------------------------------------------------------------
  // Random numbers
  // ---------------------------------------------------------------------------
  // A number of steps is a linear map: column j, at [16*j +: 16], is what becomes of bit j.
  function [15:0] apply(input [255:0] map, input [15:0] state);
    integer j;
    begin
      apply = 16'h0000;
      for (j = 0; j < 16; j = j + 1) begin
        if (state[j]) apply = apply ^ map[16*j+:16];
      end
    end
  endfunction

  // The steps of `map`, and those of `map` again.
  function [255:0] twice(input [255:0] map);
    integer j;
    for (j = 0; j < 16; j = j + 1) twice[16*j+:16] = apply(map, map[16*j+:16]);
  endfunction

  function [255:0] one_step(input dummy);
    integer j;
    begin
      one_step = 256'h0;
      one_step[15:0] = 16'hB400 ^ {16{dummy}};
      for (j = 1; j < 16; j = j + 1) one_step[16*j+(j-1)] = 1'b1;
    end
  endfunction

  // Map k, at [256*k +: 256], is that of 16 * 2^k steps.
  localparam Maps = $clog2(Lanes + 1);
  function [Maps*256-1:0] doubled(input dummy);
    integer k;
    begin
      doubled[255:0] = twice(twice(twice(twice(one_step(dummy)))));
      for (k = 1; k < Maps; k = k + 1) doubled[256*k+:256] = twice(doubled[256*(k-1)+:256]);
    end
  endfunction
  localparam [Maps*256-1:0] Leaps = doubled(1'b0);

  // What 16 * `values` steps make of a state.
  function [15:0] leap(input [15:0] state, input integer values);
    integer k;
    begin
      leap = state;
      for (k = 0; k < Maps; k = k + 1) begin
        if (values[k]) leap = apply(Leaps[256*k+:256], leap);
      end
    end
  endfunction

  reg [15:0] state_q;  // before the first lane of the beat that is offered
  wire [15:0] states[0:Lanes-1];  // after the 16 steps of every lane

  always @(posedge clk_i) begin
    if (!rst_ni || !(full_q || offered_q)) state_q <= Seed;
    else if (taken) state_q <= states[Lanes-1];
  end

  genvar l, j;
  generate
    for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
      // Bit j of the state reaches the bits leap(1 << j, l + 1).
      wire [15:0] reached[0:15];
      wire [15:0] partial[0:16];
      assign partial[0] = 16'h0000;
      for (j = 0; j < 16; j = j + 1) begin : gen_bit
        localparam [15:0] Reach = leap(16'h0001 << j, l + 1);
        assign reached[j] = state_q[j] ? Reach : 16'h0000;
        assign partial[j+1] = partial[j] ^ reached[j];
      end
      assign states[l] = partial[16];

      wire [ValueBits-1:0] value = values_q[l*ValueBits+:ValueBits];
      wire [ValueBits-1:0] random = partial[16][ValueBits-1:0];
      assign m_axis_tdata[l] = (value > random) && !blank_q;
    end
  endgenerate

endmodule

`default_nettype wire
