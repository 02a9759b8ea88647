// SPDX-License-Identifier: Apache-2.0
// Copyright the Spikeloom developers

// One layer: a synapse and the neurons behind it.
//
// Function    Value words in, spike words out (or membranes, without Spiking);
//             see spikeloom_synapse and spikeloom_neuron, which do the work.
// Overlap     With a queue as deep as a time step has words, a layer works on
//             step t while the layer behind it works on step t - 1.
// Stalls      Any stall on either stream is legal and changes no result. A
//             layer waits for nothing but its input and its output, and finishes
//             a step that it has taken without further input: a chain of
//             layers cannot deadlock.

`default_nettype none

module spikeloom_layer #(
    // Input words
    parameter InLanes = 4,  // values in an input word
    parameter ValueBits = 1,  // bits of a value, 1: a spike
    parameter Ports = 1,  // events per clock
    parameter InGroups = 1,  // input words per position
    parameter Columns = 1,  // input positions along x
    parameter Rows = 1,  // input positions along y
    parameter QueueDepth = 4,  // input words held
    // Address rule
    parameter Spatial = 0,  // 0: dense
    parameter TapBits = 1,  // bits of a tap count
    parameter RowTapStep = 0,  // weight address from one row tap to the next
    parameter RowOutputStep = 0,  // current address from one output row to the next
    parameter ColumnTapStep = 0,  // weight address from one column tap to the next
    parameter ColumnOutputStep = 0,  // current address from one output column to the next
    parameter RowFile = "",  // table of the rows, hexadecimal
    parameter ColumnFile = "",  // table of the columns, hexadecimal
    // Weights and currents
    parameter WeightBits = 4,  // bits of a weight, signed
    parameter WeightDepth = 4,  // weight words per port
    parameter WeightPrefix = "",  // path of the weight files up to the port number
    parameter Lanes = 4,  // currents added per clock
    parameter Groups = 1,  // current words per position
    parameter Depth = 1,  // current words
    parameter CurrentBits = 8,  // bits of a current, signed
    parameter Repeats = 1,  // time steps that reuse one step of input
    // Neurons
    parameter NeuronLanes = 4,  // neurons updated per clock, divides Lanes
    parameter Words = 1,  // beats of neurons per time step
    parameter TimeSteps = 1,  // time steps of an inference
    parameter SumBits = 10,  // bits of u before the clamp
    parameter MembraneBits = 10,  // bits of a membrane
    parameter Saturate = 0,  // 1: clamp u to MembraneBits
    parameter Spiking = 1,  // 0: integrators that only send their last membranes
    parameter LeakTerms = 1,  // shifts that the leak is a sum of
    parameter [6*LeakTerms-1:0] Leak = 0,  // { negative, shift[4:0] } each, first lowest
    parameter ResetMode = 0,  // 0 subtract, 1 to zero, 2 none
    parameter ResetDelay = 0,  // 1: the reset waits for the next step
    parameter BiasBits = 2,  // bits of a bias, signed
    parameter ThresholdBits = 2,  // bits of a threshold, unsigned
    parameter Table = 0,  // 1: bias and threshold from the table
    parameter TableDepth = 1,  // words of the table
    parameter TableFile = "",  // the table, hexadecimal
    parameter signed [31:0] Bias = 0,  // bias of all neurons, without a table
    parameter [31:0] Threshold = 1,  // threshold of all neurons, without a table
    // Derived, not to be set
    parameter OutBits = (Spiking != 0) ? NeuronLanes : NeuronLanes * MembraneBits
) (
    input  wire                                clk_i,
    input  wire                                rst_ni,
    input  wire [       InLanes*ValueBits-1:0] s_axis_tdata,
    input  wire                                s_axis_tvalid,
    output wire                                s_axis_tready,
    input  wire                                s_axis_tlast,
    output wire [                 OutBits-1:0] m_axis_tdata,
    output wire                                m_axis_tvalid,
    input  wire                                m_axis_tready,
    output wire                                m_axis_tlast,
    output wire                                probe_valid_o,
    output wire [             NeuronLanes-1:0] probe_spikes_o,
    output wire [NeuronLanes*MembraneBits-1:0] probe_membranes_o,
    output wire                                probe_busy_o
);

  wire [NeuronLanes*CurrentBits-1:0] current_data;
  wire current_valid, current_ready, current_last;

  spikeloom_synapse #(
      .InLanes(InLanes),
      .ValueBits(ValueBits),
      .Ports(Ports),
      .InGroups(InGroups),
      .Columns(Columns),
      .Rows(Rows),
      .QueueDepth(QueueDepth),
      .Spatial(Spatial),
      .TapBits(TapBits),
      .RowTapStep(RowTapStep),
      .RowOutputStep(RowOutputStep),
      .ColumnTapStep(ColumnTapStep),
      .ColumnOutputStep(ColumnOutputStep),
      .RowFile(RowFile),
      .ColumnFile(ColumnFile),
      .WeightBits(WeightBits),
      .WeightDepth(WeightDepth),
      .WeightPrefix(WeightPrefix),
      .Lanes(Lanes),
      .OutLanes(NeuronLanes),
      .Groups(Groups),
      .Depth(Depth),
      .CurrentBits(CurrentBits),
      .Repeats(Repeats)
  ) u_synapse (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axis_tdata(s_axis_tdata),
      .s_axis_tvalid(s_axis_tvalid),
      .s_axis_tready(s_axis_tready),
      .s_axis_tlast(s_axis_tlast),
      .m_axis_tdata(current_data),
      .m_axis_tvalid(current_valid),
      .m_axis_tready(current_ready),
      .m_axis_tlast(current_last),
      .busy_o(probe_busy_o)
  );

  spikeloom_neuron #(
      .Lanes(NeuronLanes),
      .Words(Words),
      .TimeSteps(TimeSteps),
      .CurrentBits(CurrentBits),
      .SumBits(SumBits),
      .MembraneBits(MembraneBits),
      .Saturate(Saturate),
      .Spiking(Spiking),
      .LeakTerms(LeakTerms),
      .Leak(Leak),
      .ResetMode(ResetMode),
      .ResetDelay(ResetDelay),
      .BiasBits(BiasBits),
      .ThresholdBits(ThresholdBits),
      .Table(Table),
      .TableDepth(TableDepth),
      .TableFile(TableFile),
      .Bias(Bias),
      .Threshold(Threshold)
  ) u_neuron (
      .clk_i(clk_i),
      .rst_ni(rst_ni),
      .s_axis_tdata(current_data),
      .s_axis_tvalid(current_valid),
      .s_axis_tready(current_ready),
      .s_axis_tlast(current_last),
      .m_axis_tdata(m_axis_tdata),
      .m_axis_tvalid(m_axis_tvalid),
      .m_axis_tready(m_axis_tready),
      .m_axis_tlast(m_axis_tlast),
      .probe_valid_o(probe_valid_o),
      .probe_spikes_o(probe_spikes_o),
      .probe_membranes_o(probe_membranes_o)
  );

endmodule

`default_nettype wire
