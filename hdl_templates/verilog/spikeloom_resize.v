// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// A change of lanes: splits the beats of a stream, or gathers them.
//
// Function    The same values in the same order, OutLanes in a beat instead of
//             InLanes. tlast leaves with the last values of its beat.
// Length      Where beats are gathered, a time step that ends inside one of
//             OutLanes is filled up with zeros, one beat of InLanes per clock.
// Latency     Split, or of the same size: none, data and tvalid pass through and
//             tready comes back. Gathered: 1 clock from the last beat.
// Throughput  One beat per clock on the side with the smaller beats.
// Reset       Forgets a beat that is in part.

`default_nettype none

module spikeloom_resize #(
    parameter Bits = 1,  // bits of a value
    parameter InLanes = 4,  // values in a beat that comes
    parameter OutLanes = 2  // values in a beat that leaves; one divides the other
) (
    input  wire                     clk_i,
    input  wire                     rst_ni,
    input  wire [ InLanes*Bits-1:0] s_axis_tdata,
    input  wire                     s_axis_tvalid,
    output wire                     s_axis_tready,
    input  wire                     s_axis_tlast,
    output wire [OutLanes*Bits-1:0] m_axis_tdata,
    output wire                     m_axis_tvalid,
    input  wire                     m_axis_tready,
    output wire                     m_axis_tlast
);

  localparam InWidth = InLanes * Bits;
  localparam OutWidth = OutLanes * Bits;
  localparam Parts = (InLanes > OutLanes) ? InLanes / OutLanes : OutLanes / InLanes;
  localparam PartBits = (Parts > 1) ? $clog2(Parts) : 1;
  localparam [31:0] LastPartValue = Parts - 1;
  localparam [PartBits-1:0] LastPart = LastPartValue[PartBits-1:0];

  genvar p;
  generate
    if ((InLanes % OutLanes) != 0 && (OutLanes % InLanes) != 0) begin : gen_check_lanes
      spikeloom_error_one_number_of_lanes_must_divide_the_other u_error ();
    end

    if (InLanes > OutLanes) begin : gen_split
      reg [PartBits-1:0] part_q;
      wire last_part = (part_q == LastPart);
      wire [OutWidth-1:0] parts[0:Parts-1];

      for (p = 0; p < Parts; p = p + 1) begin : gen_part
        assign parts[p] = s_axis_tdata[p*OutWidth+:OutWidth];
      end

      assign s_axis_tready = m_axis_tready && last_part;
      assign m_axis_tdata  = parts[part_q];
      assign m_axis_tvalid = s_axis_tvalid;
      assign m_axis_tlast  = s_axis_tlast && last_part;

      always @(posedge clk_i) begin
        if (!rst_ni) part_q <= 0;
        else if (m_axis_tvalid && m_axis_tready) part_q <= last_part ? 0 : part_q + 1'b1;
      end
    end else if (InLanes < OutLanes) begin : gen_gather
      reg [PartBits-1:0] part_q;
      reg [OutWidth-1:0] word_q;
      reg full_q;
      reg last_q;
      reg fill_q;  // the time step is over, the beat is not
      wire last_part = (part_q == LastPart);
      wire free = !full_q || m_axis_tready;
      wire move = fill_q || (s_axis_tvalid && free);

      assign s_axis_tready = free && !fill_q;
      assign m_axis_tdata  = word_q;
      assign m_axis_tvalid = full_q;
      assign m_axis_tlast  = last_q;

      always @(posedge clk_i) begin
        if (move) begin
          word_q <= {fill_q ? {InWidth{1'b0}} : s_axis_tdata, word_q[OutWidth-1:InWidth]};
          last_q <= fill_q || s_axis_tlast;
        end
        if (!rst_ni) begin
          part_q <= 0;
          full_q <= 1'b0;
          fill_q <= 1'b0;
        end else begin
          if (move) part_q <= last_part ? 0 : part_q + 1'b1;
          if (move) fill_q <= (fill_q || s_axis_tlast) && !last_part;
          if (free) full_q <= move && last_part;
        end
      end
    end else begin : gen_same
      wire unused = &{1'b0, clk_i, rst_ni};

      assign s_axis_tready = m_axis_tready;
      assign m_axis_tdata  = s_axis_tdata;
      assign m_axis_tvalid = s_axis_tvalid;
      assign m_axis_tlast  = s_axis_tlast;
    end
  endgenerate

endmodule

`default_nettype wire
