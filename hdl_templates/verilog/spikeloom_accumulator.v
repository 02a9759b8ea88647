// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// The accumulator: one integer current per output, added up over a time step.
//
// Function    While a step is open every visit adds its addend to one word of
//             Lanes currents. When the last visit has arrived the words leave
//             in order, OutLanes currents per beat, tlast with the last beat,
//             and are zero for the next step. With Repeats above 1 the same step
//             leaves that many times first (a static image).
// Buffers     With 2 a step is added up while the one before it leaves.
// Maximum     Instead of the sum a word keeps the largest of its addends, which
//             are unsigned then; one that was not visited is 0.
// Format      Signed, CurrentBits wide; sums wrap, so only the final current
//             has to fit, which width inference proves.
// Hold        close_i says that the last visit of a step sets out: it arrives in
//             this clock or any fixed number of clocks later. hold_o is high from
//             the next clock on while Buffers steps are closed and have not left;
//             then no visit may set out. A step has left with its last beat; with
//             more words already when its last word is on offer, in a register.
// Hazards     A word may be visited in every clock: results that are not yet in
//             the memory are forwarded, but not from one step to the next.
// Latency     5 clocks from the last visit to the first beat, 3 with Depth 1,
//             unless beats of the step before are still to be sent: it follows
//             them without a pause, with Depth 1 after one clock.
// Throughput  One visit, and one beat, per clock. The beats of a step and of its
//             repeats do not pause; with 2 Buffers nor do the visits from step to
//             step, if the last one of a step sets out when the step before has
//             left, or in the clock in which it leaves.
// Reset       Forgets the steps; clearing the memory takes one clock per word,
//             during which hold_o is high (no clock with Depth 1).

`default_nettype none

module spikeloom_accumulator #(
    parameter Lanes = 4,  // currents in a word
    parameter OutLanes = 4,  // currents in a beat; divides Lanes
    parameter CurrentBits = 8,  // bits of a current, signed
    parameter AddendBits = 8,  // at most CurrentBits
    parameter Depth = 1,  // words
    parameter Buffers = 1,  // 2: a step is added up while the one before it leaves
    parameter Repeats = 1,  // times that a step leaves
    parameter Maximum = 0,  // 1: the largest unsigned addend instead of the sum
    parameter AddressBits = (Depth > 1) ? $clog2(Depth) : 1
) (
    input  wire                            clk_i,
    input  wire                            rst_ni,
    // The last visit of a step sets out
    input  wire                            close_i,
    // Visits: the address now, the addend one clock later
    input  wire                            valid_i,
    input  wire                            visit_i,
    input  wire                            last_i,
    input  wire [         AddressBits-1:0] address_i,
    input  wire [    Lanes*AddendBits-1:0] addend_i,
    output wire                            hold_o,
    // Currents
    output wire [OutLanes*CurrentBits-1:0] m_axis_tdata,
    output wire                            m_axis_tvalid,
    input  wire                            m_axis_tready,
    output wire                            m_axis_tlast
);

  generate
    if ((Lanes % OutLanes) != 0) begin : gen_check_lanes
      spikeloom_error_out_lanes_must_divide_lanes u_error ();
    end
    if (AddendBits > CurrentBits) begin : gen_check_addend
      spikeloom_error_addend_must_not_be_wider_than_current u_error ();
    end
    if (Buffers != 1 && Buffers != 2) begin : gen_check_buffers
      spikeloom_error_buffers_must_be_1_or_2 u_error ();
    end
  endgenerate

  localparam WordBits = Lanes * CurrentBits;
  localparam BeatBits = OutLanes * CurrentBits;
  localparam Beats = Lanes / OutLanes;
  localparam RepeatBits = (Repeats > 1) ? $clog2(Repeats) : 1;
  localparam [Beats-1:0] FirstBeat = 1;
  localparam [31:0] LastAddressValue = Depth - 1;
  localparam [AddressBits-1:0] LastAddress = LastAddressValue[AddressBits-1:0];
  localparam [31:0] LastRepeatValue = Repeats - 1;
  localparam [RepeatBits-1:0] LastRepeat = LastRepeatValue[RepeatBits-1:0];

  // ---------------------------------------------------------------------------
  // Visits on their way: stage 1 reads, stage 2 adds
  // ---------------------------------------------------------------------------
  // Without a visit both operands of the adders are 0.
  reg visit_1_q;
  reg visit_2_q;
  reg last_1_q;
  reg last_2_q;
  reg [Lanes*AddendBits-1:0] addend_q;

  always @(posedge clk_i) begin
    if (!rst_ni || !visit_1_q) addend_q <= 0;
    else addend_q <= addend_i;
    if (!rst_ni) begin
      visit_1_q <= 1'b0;
      visit_2_q <= 1'b0;
      last_1_q  <= 1'b0;
      last_2_q  <= 1'b0;
    end else begin
      visit_1_q <= valid_i && visit_i;
      visit_2_q <= visit_1_q;
      last_1_q  <= valid_i && last_i;
      last_2_q  <= last_1_q;
    end
  end

  // ---------------------------------------------------------------------------
  // The step leaves: word by word, beat by beat, Repeats times
  // ---------------------------------------------------------------------------
  reg  [        Beats-1:0] beat_q;  // a bit for every beat: the one on offer
  reg  [   RepeatBits-1:0] repeat_q;
  wire                     word_valid;
  wire [     WordBits-1:0] word;
  wire                     last_word;  // of the step
  wire                     last_beat = beat_q[Beats-1];
  wire                     last_repeat = (repeat_q == LastRepeat);
  wire                     word_taken = m_axis_tvalid && m_axis_tready && last_beat;
  wire                     step_read;  // the step has been read to its end, once
  wire                     step_left = step_read && last_repeat;

  assign m_axis_tvalid = word_valid;
  assign m_axis_tlast  = last_beat && last_word;

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      beat_q   <= FirstBeat;
      repeat_q <= 0;
    end else begin
      if (m_axis_tvalid && m_axis_tready) beat_q <= (beat_q << 1) | (last_beat ? FirstBeat : 0);
      if (step_read) repeat_q <= last_repeat ? 0 : repeat_q + 1'b1;
    end
  end

  // ---------------------------------------------------------------------------
  // The hold: a bit for every step that is closed and has not left
  // ---------------------------------------------------------------------------
  localparam [Buffers-1:0] One = 1;

  reg  [Buffers-1:0] closed_q;
  wire               wipe;  // the memory is being cleared, after a reset
  wire               wipe_next;

  assign hold_o = closed_q[Buffers-1];

  always @(posedge clk_i) begin
    if (!rst_ni || wipe) closed_q <= {Buffers{wipe_next}};
    else if (close_i && !step_left) closed_q <= (closed_q << 1) | One;
    else if (step_left && !close_i) closed_q <= closed_q >> 1;
  end

  genvar l, s;
  generate
    if (Beats > 1) begin : gen_beats
      // Ands and ors: half the tables of a multiplexer.
      reg [BeatBits-1:0] beat;
      integer i;
      always @(*) begin
        beat = 0;
        for (i = 0; i < Beats; i = i + 1) begin
          beat = beat | (word[i*BeatBits+:BeatBits] & {BeatBits{beat_q[i]}});
        end
      end
      assign m_axis_tdata = beat;
    end else begin : gen_one_beat
      assign m_axis_tdata = word;
    end
  endgenerate

  // ---------------------------------------------------------------------------
  // The currents
  // ---------------------------------------------------------------------------
  wire [WordBits-1:0] operand;
  wire [WordBits-1:0] sum;

  generate
    for (l = 0; l < Lanes; l = l + 1) begin : gen_lane
      wire [AddendBits-1:0] addend = addend_q[l*AddendBits+:AddendBits];
      wire [CurrentBits-1:0] current = operand[l*CurrentBits+:CurrentBits];
      if (Maximum != 0) begin : gen_maximum
        wire [CurrentBits-1:0] wide = {{(CurrentBits - AddendBits) {1'b0}}, addend};
        assign sum[l*CurrentBits+:CurrentBits] = (wide > current) ? wide : current;
      end else begin : gen_sum
        wire [CurrentBits-1:0] wide = {
          {(CurrentBits - AddendBits) {addend[AddendBits-1]}}, addend
        };
        assign sum[l*CurrentBits+:CurrentBits] = current + wide;
      end
    end

    if (Depth == 1) begin : gen_registers
      reg  [WordBits-1:0] word_q;  // is added up
      reg                 full_q;  // a step leaves
      reg                 added_q;  // another one waits for it to leave
      wire                done = last_2_q || added_q;
      // Nothing here waits for m_axis_tready in the clock that it comes in: so many
      // registers are far from it.
      reg                 left_q;
      wire                next = done && !full_q;
      wire                clear = (Buffers > 1) ? next : left_q;
      wire                unused = &{1'b0, address_i, visit_2_q};

      assign operand = word_q;
      assign word_valid = full_q;
      assign last_word = 1'b1;
      assign step_read = word_taken;
      assign wipe = 1'b0;
      assign wipe_next = 1'b0;

      always @(posedge clk_i) begin
        if (!rst_ni || clear) word_q <= 0;
        else word_q <= sum;
        left_q <= step_left;
        if (!rst_ni) begin
          full_q  <= 1'b0;
          added_q <= 1'b0;
        end else begin
          full_q  <= next || (full_q && !step_left);
          added_q <= done && !next;
        end
      end

      if (Buffers > 1) begin : gen_copy
        reg [WordBits-1:0] copy_q;
        assign word = copy_q;
        always @(posedge clk_i) if (next) copy_q <= sum;
      end else begin : gen_word
        assign word = word_q;
      end
    end else begin : gen_memory
      // One memory for each step that is held. With two, a word has a mark: it has
      // been visited in this step. What leaves without its mark is 0.
      localparam EntryBits = WordBits + ((Buffers > 1) ? 1 : 0);

      // Visits; the side is the memory that they go to
      reg                   side_0_q;
      reg                   side_1_q;
      reg                   side_2_q;
      reg [AddressBits-1:0] address_1_q;
      reg [AddressBits-1:0] address_2_q;
      reg                   forward_q;  // the operand is not in the memory yet
      reg                   newest_q;  // it is the sum of the visit before
      reg [   WordBits-1:0] operand_q;
      reg [   WordBits-1:0] sum_q;
      wire                  is_newest = visit_1_q &&
          ({side_1_q, address_1_q} == {side_0_q, address_i});
      wire                  is_newer = visit_2_q &&
          ({side_2_q, address_2_q} == {side_0_q, address_i});
      wire [   WordBits-1:0] newer = newest_q ? sum : sum_q;

      // Sweep: a word is read, and goes on to the one offered
      reg [    Buffers-1:0] added_q;  // a bit for every step that is to be read
      reg                   next_side_q;
      reg [AddressBits-1:0] next_address_q;
      reg                   kept_q;  // a word has been read, and waits
      reg                   kept_side_q;
      reg [AddressBits-1:0] kept_address_q;
      reg                   kept_last_q;
      reg                   offered_q;
      reg [   WordBits-1:0] word_q;
      reg                   last_word_q;
      wire                  offer = kept_q && (!offered_q || word_taken);
      wire                  fetch = added_q[0] && (!kept_q || offer);
      wire                  next_last = (next_address_q == LastAddress);
      wire                  all_read = fetch && next_last && last_repeat;

      // Clearing: with the last sweep, and after a reset
      reg                   wipe_q;
      reg [AddressBits-1:0] wipe_address_q;
      wire [AddressBits-1:0] clear_address = wipe_q ? wipe_address_q : kept_address_q;

      wire [     WordBits:0] entries[0:Buffers-1];
      wire [     WordBits:0] visited = side_1_q ? entries[Buffers-1] : entries[0];
      wire [     WordBits:0] kept = kept_side_q ? entries[Buffers-1] : entries[0];

      for (s = 0; s < Buffers; s = s + 1) begin : gen_side
        // A read that meets a write of its address is never used: it is forwarded
        // over, or belongs to no visit.
        (* no_rw_check *)
        reg [  EntryBits-1:0] memory[0:Depth-1];
        reg [  EntryBits-1:0] read_q;
        wire                  is_kept = kept_q && (kept_side_q == s);
        wire                  is_swept = added_q[0] && (next_side_q == s);
        wire                  read = !is_kept || (fetch && is_swept);
        wire [AddressBits-1:0] read_address = is_swept ? next_address_q : address_i;
        wire                  clear = wipe_q || (offer && last_repeat && (kept_side_q == s));
        wire                  write = clear || (visit_2_q && (side_2_q == s));
        wire [AddressBits-1:0] write_address = clear ? clear_address : address_2_q;
        wire [     WordBits:0] entry = {!clear, sum};
        wire                  unused = &{1'b0, entry};  // one memory needs no marks

        assign entries[s] = {{(WordBits + 1 - EntryBits) {1'b1}}, read_q};

        always @(posedge clk_i) begin
          if (read) read_q <= memory[read_address];
          // With one memory nothing is visited while it is cleared: the sum is 0.
          if (write) memory[write_address] <= entry[EntryBits-1:0];
        end
      end

      assign operand = operand_q;
      assign word = word_q;
      assign word_valid = offered_q;
      assign last_word = last_word_q;
      assign step_read = offer && kept_last_q;
      assign wipe = wipe_q;
      assign wipe_next = !rst_ni || (wipe_q && (wipe_address_q != LastAddress));

      always @(posedge clk_i) begin
        if (!rst_ni) side_0_q <= 1'b0;
        else if (Buffers > 1 && valid_i && last_i) side_0_q <= !side_0_q;
        side_1_q <= side_0_q;
        side_2_q <= side_1_q;
        address_1_q <= address_i;
        address_2_q <= address_1_q;
        forward_q <= is_newest || is_newer;
        newest_q <= is_newest;
        sum_q <= sum;
      end

      always @(posedge clk_i) begin
        if (!rst_ni || !visit_1_q || !(forward_q || visited[WordBits])) operand_q <= 0;
        else operand_q <= forward_q ? newer : visited[WordBits-1:0];
      end

      always @(posedge clk_i) begin
        if (fetch) begin
          kept_side_q <= next_side_q;
          kept_address_q <= next_address_q;
          kept_last_q <= next_last;
        end
        if (offer) begin
          word_q <= kept[WordBits] ? kept[WordBits-1:0] : {WordBits{1'b0}};
          last_word_q <= kept_last_q;
        end
        if (!rst_ni) begin
          added_q <= 0;
          next_side_q <= 1'b0;
          next_address_q <= 0;
          kept_q <= 1'b0;
          offered_q <= 1'b0;
        end else begin
          if (last_2_q && !all_read) added_q <= (added_q << 1) | One;
          else if (all_read && !last_2_q) added_q <= added_q >> 1;
          if (Buffers > 1 && all_read) next_side_q <= !next_side_q;
          if (fetch) next_address_q <= next_last ? 0 : next_address_q + 1'b1;
          kept_q <= fetch || (kept_q && !offer);
          offered_q <= offer || (offered_q && !word_taken);
        end
      end

      always @(posedge clk_i) begin
        wipe_q <= wipe_next;
        wipe_address_q <= rst_ni ? wipe_address_q + 1'b1 : 0;
      end
    end
  endgenerate

endmodule

`default_nettype wire
