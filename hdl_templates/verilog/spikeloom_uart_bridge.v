// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A serial port around a network: bytes in, prediction and scores out.
//
// Function    Makes beats and frames of the bytes of an inference and sends
//             back the class, then the scores (docs/boards.md):
//               in   Frames x Beats beats of ceil(DataBits / 8) bytes each
//               out  the class in 1 byte (2 where Classes > 256), then Classes
//                    scores of ceil(ScoreBits / 8) bytes, sign-extended
//             Every number is little endian.
// Order       The next inference may be sent before the answer has come.
// Resync      An inference that stops arriving for IdleClocks is dropped: the
//             bytes are forgotten and core_rst_no is low for one clock.  After
//             a character without a stop bit, or one for which the core had no
//             room, everything is ignored until such a silence.
// Latency     1 clock from the last byte of a beat to the beat.
// Reset       Empties everything and resets the core.
// Does not    tell the host of a dropped inference: no answer comes, unless the
//             core had decided it early.

`default_nettype none

module spikeloom_uart_bridge #(
    parameter ClocksPerBit = 217,  // clk_i periods in a bit time, 4 or more
    parameter IdleClocks = 500000,  // silence that ends an unfinished inference, clocks
    parameter DataBits = 8,  // width of a beat of the core's input, 1 or more
    parameter Beats = 1,  // beats in a frame, 1 or more
    parameter Frames = 1,  // frames in an inference, 1 or more
    parameter Classes = 2,  // scores in an answer, 2 to 65536
    parameter ScoreBits = 8,  // width of a score, signed, 1 or more
    parameter ClassBits = 1  // width of a class, ceil(log2(Classes))
) (
    input  wire                 clk_i,
    input  wire                 rst_ni,
    // Serial port
    input  wire                 rx_i,
    output wire                 tx_o,
    // To the core
    output wire                 core_rst_no,
    output wire [ DataBits-1:0] m_axis_tdata,
    output wire                 m_axis_tvalid,
    input  wire                 m_axis_tready,
    output wire                 m_axis_tlast,
    // From the core
    input  wire [ScoreBits-1:0] s_axis_tdata,
    input  wire [ClassBits-1:0] s_axis_tuser,
    input  wire                 s_axis_tvalid,
    output wire                 s_axis_tready,
    input  wire                 s_axis_tlast,
    // The class of the last inference
    output wire [ClassBits-1:0] class_o
);

  localparam BeatBytes = (DataBits + 7) / 8;
  localparam BeatBits = BeatBytes * 8;
  localparam ByteCountBits = (BeatBytes > 1) ? $clog2(BeatBytes) : 1;
  localparam BeatCountBits = (Beats > 1) ? $clog2(Beats) : 1;
  localparam FrameCountBits = (Frames > 1) ? $clog2(Frames) : 1;
  localparam IdleCountBits = $clog2(IdleClocks + 1);

  localparam ClassBytes = (Classes > 256) ? 2 : 1;
  localparam ScoreBytes = (ScoreBits + 7) / 8;
  localparam WordBytes = (ClassBytes > ScoreBytes) ? ClassBytes : ScoreBytes;
  localparam WordBits = WordBytes * 8;
  localparam LeftBits = $clog2(WordBytes + 1);
  localparam IndexBits = $clog2(Classes + 1);

  // Ends of the counters, cut to their widths where they are used.
  localparam [31:0] LastByte = BeatBytes - 1;
  localparam [31:0] LastBeat = Beats - 1;
  localparam [31:0] LastFrame = Frames - 1;
  localparam [31:0] IdleEnd = IdleClocks;
  localparam [31:0] ClassLeft = ClassBytes;
  localparam [31:0] ScoreLeft = ScoreBytes;
  localparam [31:0] AllSent = Classes;

  generate
    if (Classes < 2 || Classes > 65536) begin : gen_check_classes
      spikeloom_error_classes_must_be_2_to_65536 u_error ();
    end
    if (ClassBits != $clog2(Classes)) begin : gen_check_class_bits
      spikeloom_error_class_bits_must_be_clog2_of_classes u_error ();
    end
  endgenerate

  // ------------------------------------------------------------------ Receiver

  wire [7:0] rx_data;
  wire rx_valid;
  wire rx_error;
  wire rx_busy;

  spikeloom_uart_rx #(
      .ClocksPerBit(ClocksPerBit)
  ) u_rx (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .rx_i   (rx_i),
      .data_o (rx_data),
      .valid_o(rx_valid),
      .error_o(rx_error),
      .busy_o (rx_busy)
  );

  reg [BeatBits-1:0] shift_q;  // the bytes of a beat, the first in the lowest bits
  reg [ByteCountBits-1:0] byte_q;
  reg [BeatCountBits-1:0] beat_q;
  reg [FrameCountBits-1:0] frame_q;
  reg partial_q;  // an inference has begun to arrive and is not complete
  reg deaf_q;  // a byte was lost: ignore the line until it is silent
  reg [BeatBits-1:0] data_q;
  reg valid_q;
  reg last_q;

  wire [BeatBits+7:0] shifted = {rx_data, shift_q};
  wire take = rx_valid && !deaf_q;
  wire beat_done = take && (byte_q == LastByte[ByteCountBits-1:0]);
  wire frame_done = beat_done && (beat_q == LastBeat[BeatCountBits-1:0]);
  wire inference_done = frame_done && (frame_q == LastFrame[FrameCountBits-1:0]);
  wire overrun = beat_done && valid_q && !m_axis_tready;
  wire resync;

  assign m_axis_tdata  = data_q[DataBits-1:0];
  assign m_axis_tvalid = valid_q;
  assign m_axis_tlast  = last_q;

  always @(posedge clk_i) begin
    if (take) shift_q <= shifted[BeatBits+7:8];
    if (beat_done && !overrun) data_q <= shifted[BeatBits+7:8];
  end

  always @(posedge clk_i) begin
    if (!rst_ni || resync) begin
      byte_q <= 0;
      beat_q <= 0;
      frame_q <= 0;
      partial_q <= 1'b0;
      deaf_q <= 1'b0;
      valid_q <= 1'b0;
      last_q <= 1'b0;
    end else begin
      if (rx_error || overrun) deaf_q <= 1'b1;
      if (take) begin
        partial_q <= !inference_done;
        byte_q <= beat_done ? 0 : byte_q + 1'b1;
      end
      if (beat_done) beat_q <= frame_done ? 0 : beat_q + 1'b1;
      if (frame_done) frame_q <= inference_done ? 0 : frame_q + 1'b1;
      if (beat_done && !overrun) begin
        valid_q <= 1'b1;
        last_q  <= frame_done;
      end else if (m_axis_tready) begin
        valid_q <= 1'b0;
      end
    end
  end

  // ------------------------------------------------------- Resynchronisation

  reg [IdleCountBits-1:0] idle_q;
  reg core_rst_nq;

  assign resync = (partial_q || deaf_q) && (idle_q == IdleEnd[IdleCountBits-1:0]);
  assign core_rst_no = core_rst_nq;

  always @(posedge clk_i) begin
    if (!rst_ni || rx_busy) idle_q <= 0;
    else if (idle_q != IdleEnd[IdleCountBits-1:0]) idle_q <= idle_q + 1'b1;
    core_rst_nq <= rst_ni && !resync;
  end

  // -------------------------------------------------------------------- Answer

  localparam [1:0] StCollect = 2'd0;  // scores come from the core
  localparam [1:0] StSend = 2'd1;  // the bytes of one number leave
  localparam [1:0] StFetch = 2'd2;  // the next score is read from the memory
  localparam [1:0] StLoad = 2'd3;  // and sign-extended

  reg [1:0] state_q;
  reg [IndexBits-1:0] index_q;
  reg [WordBits-1:0] word_q;  // the number that is sent, its next byte lowest
  reg [LeftBits-1:0] left_q;  // bytes of it still to send
  reg [ClassBits-1:0] class_q;

  reg [ScoreBits-1:0] scores[0:Classes-1];
  reg [ScoreBits-1:0] score_q;

  wire tx_ready;
  wire tx_valid = (state_q == StSend);
  wire collect = s_axis_tvalid && s_axis_tready;
  wire [WordBits+7:0] word_shifted = {8'd0, word_q};

  // Index and scores are widened here, so that no expression has mixed widths.
  wire [WordBits+ClassBits-1:0] class_word = {{WordBits{1'b0}}, s_axis_tuser};
  wire [WordBits+ScoreBits-1:0] score_word = {{WordBits{score_q[ScoreBits-1]}}, score_q};

  wire [ClassBits-1:0] address = index_q[ClassBits-1:0];  // never Classes when it counts

  assign s_axis_tready = (state_q == StCollect) && core_rst_nq;
  assign class_o = class_q;

  always @(posedge clk_i) begin
    if (collect) scores[address] <= s_axis_tdata;
    if (state_q == StFetch) score_q <= scores[address];
  end

  always @(posedge clk_i) begin
    if (!rst_ni) begin
      state_q <= StCollect;
      index_q <= 0;
      class_q <= 0;
    end else begin
      case (state_q)
        StCollect: begin
          if (!core_rst_nq) index_q <= 0;
          if (collect) index_q <= s_axis_tlast ? 0 : index_q + 1'b1;
          if (collect && s_axis_tlast) begin
            class_q <= s_axis_tuser;
            state_q <= StSend;
          end
        end
        StSend: begin
          if (tx_ready && left_q == 1) state_q <= (index_q == AllSent[IndexBits-1:0]) ? StCollect : StFetch;
          if (tx_ready && left_q == 1 && index_q == AllSent[IndexBits-1:0]) index_q <= 0;
        end
        StFetch: begin
          index_q <= index_q + 1'b1;
          state_q <= StLoad;
        end
        default: state_q <= StSend;
      endcase
    end
  end

  always @(posedge clk_i) begin
    case (state_q)
      StCollect: begin
        word_q <= class_word[WordBits-1:0];
        left_q <= ClassLeft[LeftBits-1:0];
      end
      StLoad: begin
        word_q <= score_word[WordBits-1:0];
        left_q <= ScoreLeft[LeftBits-1:0];
      end
      StSend: begin
        if (tx_ready) begin
          word_q <= word_shifted[WordBits+7:8];
          left_q <= left_q - 1'b1;
        end
      end
      default: ;
    endcase
  end

  spikeloom_uart_tx #(
      .ClocksPerBit(ClocksPerBit)
  ) u_tx (
      .clk_i  (clk_i),
      .rst_ni (rst_ni),
      .data_i (word_q[7:0]),
      .valid_i(tx_valid),
      .ready_o(tx_ready),
      .tx_o   (tx_o)
  );

  // Bits that are shifted out, pad a beat to bytes, or extend a number too far.
  wire unused = &{1'b0, shifted[7:0], word_shifted[7:0], data_q, class_word, score_word};

endmodule

`default_nettype wire
