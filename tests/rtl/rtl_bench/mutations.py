"""Deliberate errors that the benches must find; the first of each module is never left out."""

from __future__ import annotations

from rtl_bench import (
    mutations_accumulator,
    mutations_early,
    mutations_flow,
    mutations_sparse,
    mutations_unrolled,
)
from rtl_bench.suite import Mutation

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "overflows", "spikeloom_fifo", "fifo_8x4",
        "assign s_axis_tready = !full_q;", "assign s_axis_tready = 1'b1;",
    ),
    Mutation(
        "does_not_hold", "spikeloom_rom", "rom_7x3",
        "if (en_i) data_o", "if (1'b1) data_o",
    ),
    Mutation(
        "forgets_silent_end", "spikeloom_word_queue", "words_4_1_4_3_2_2",
        "(s_axis_tdata != 0) || s_axis_tlast", "(s_axis_tdata != 0)",
    ),
    Mutation(
        "ends_with_the_first", "spikeloom_event_queue", "queue_4_1_0_2_2_3_2_3_5",
        "out_last_q <= last_q && exhausted_q;", "out_last_q <= last_q;",
    ),
    Mutation(
        "ends_early", "spikeloom_address_rule", "rule_5x4",
        "loop_last_q && finished", "loop_last_q && last_group",
    ),
    Mutation(
        "forwards_once", "spikeloom_accumulator", "accumulator_4_4_9_9_4_1_0_1",
        "forward_q <= is_newest || is_newer;", "forward_q <= is_newest;",
    ),
    Mutation(
        "holds_late", "spikeloom_synapse", "syn_conv",
        ".close_i(close)", ".close_i(visit_last_q[1])",
    ),
    Mutation(
        "fires_above", "spikeloom_neuron", "nrn_lif",
        "wire fire = !above[MembraneBits];", "wire fire = !above[MembraneBits] && (above != 0);",
    ),
    Mutation(
        "fills_empty_lanes", "spikeloom_channelwise", "dw_conv",
        "data_2_q[l] ? wide : {ShiftedBits{1'b0}}", "wide",
    ),
    Mutation(
        "runs_ahead", "spikeloom_product", "dst_heads", "hold || !loaded_q", "hold",
    ),
    Mutation(
        "last_of_equals", "spikeloom_argmax", "argmax_3_2_9",
        "(score > best_q)", "(score >= best_q)",
    ),
    Mutation(
        "fires_when_equal", "spikeloom_rate_encoder", "encoder_2_3_3_2_44257",
        "(value > random)", "(value >= random)",
    ),
    # Left out of the normal run
    Mutation(
        "wraps_late", "spikeloom_fifo", "fifo_5x3",
        "(read_pointer_q == LastPointer)", "(read_pointer_q == 2'd3)", slow=True,
    ),
    Mutation(
        "keeps_its_words", "spikeloom_fifo", "fifo_8x4",
        "      count_q <= 0;\n      full_q <= 1'b0;\n      filled_q <= 1'b0;\n", "", slow=True,
    ),
    Mutation(
        "forgets_the_column", "spikeloom_word_queue", "words_4_1_4_3_2_2",
        "if (last_group) column_q", "if (last_group && last_row) column_q", slow=True,
    ),
    Mutation(
        "short_step_stays", "spikeloom_word_queue", "words_4_1_4_3_2_2",
        "      if (s_axis_tlast) begin\n        row_q <= 0;", "      if (s_axis_tlast) begin",
        slow=True,
    ),
    Mutation(
        "visits_nothing", "spikeloom_address_rule", "rule_5x4",
        "(row_taps != 0) && ", "", slow=True,
    ),
    Mutation(
        "steps_by_taps", "spikeloom_address_rule", "rule_5x4",
        "column_output_q - ColumnOutput;", "output_q - ColumnOutput;", slow=True,
    ),
    Mutation(
        "shifts_early", "spikeloom_synapse", "syn_planes",
        "wide <<< added_codes[", "wide <<< weight_codes[", slow=True,
    ),
    Mutation(
        "reads_the_first_weights", "spikeloom_synapse", "syn_conv",
        "visit_weight + offset;", "offset;", slow=True,
    ),
    Mutation(
        "starts_from_the_last", "spikeloom_neuron", "nrn_zero",
        "Restart != 0 && first_1_q", "1'b0", slow=True,
    ),
    Mutation(
        "saturates_late", "spikeloom_neuron", "nrn_narrow",
        "(u > Maximum)", "(u > Maximum + 1)", slow=True,
    ),
    Mutation(
        "leaves_no_gap", "spikeloom_neuron", "nrn_zero",
        "(Words < Turnaround) ? Turnaround - Words : 0;", "0;", slow=True,
    ),
    Mutation(
        "late_reset_of_v", "spikeloom_neuron", "nrn_late",
        "leak(start) - wide_threshold[SumBits-1:0];",
        "leak(start - wide_threshold[SumBits-1:0]);", slow=True,
    ),
    Mutation(
        "adds_idle_ports", "spikeloom_synapse", "syn_dense",
        "FieldValues == 0 && !weight_events[p]", "1'b0", slow=True,
    ),
    Mutation(
        "reads_the_field_early", "spikeloom_synapse", "syn_lookup",
        "read_codes = code_q[Read*", "read_codes = code_q[1*", slow=True,
    ),
    Mutation(
        "counts_the_first_bank", "spikeloom_event_queue", "queue_6_3_0_3_3_2_2_2_3",
        "if (count > beats) beats = count;", "if (j == 0) beats = count;", slow=True,
    ),
    Mutation(
        "finds_one_twice", "spikeloom_event_queue", "queue_6_1_0_1_2_2_2_1_4",
        "first[VectorBits-1-k] & ~lowest[k]", "first[VectorBits-1-k]", slow=True,
    ),
    Mutation(
        "mixes_the_fields", "spikeloom_event_queue", "queue_6_2_1_3_3_2_2_1_4",
        "if (advance) out_word_q <= word_q;", "out_word_q <= word_q;", slow=True,
    ),
    Mutation(
        "repeats_once", "spikeloom_synapse", "syn_planes", ".Repeats(Repeats)", ".Repeats(1)",
        slow=True,
    ),
    Mutation(
        "shares_the_outputs", "spikeloom_synapse", "syn_groups",
        ".ChannelTable(ChannelTable)", ".ChannelTable(0)", slow=True,
    ),
    Mutation(
        "forgets_the_channel", "spikeloom_address_rule", "rule_channels",
        "position_output + channel_output;", "position_output;", slow=True,
    ),
    Mutation(
        "mixes_the_groups", "spikeloom_channelwise", "dw_conv",
        "visit_output + group;", "visit_output;", slow=True,
    ),
    Mutation(
        "reads_one_group", "spikeloom_channelwise", "dw_conv",
        "visit_weight + group;", "visit_weight;", slow=True,
    ),
    Mutation(
        "counts_one_plane", "spikeloom_channelwise", "mix_columns",
        "gated << plane_2_q", "gated", slow=True,
    ),
    Mutation(
        "ends_before_its_planes", "spikeloom_channelwise", "mix_columns",
        "event_last = last_q && exhausted;", "event_last = last_q;", slow=True,
    ),
    Mutation(
        "compares_as_it_comes", "spikeloom_channelwise", "max_currents",
        "s_axis_tdata ^ FlipWord", "s_axis_tdata", slow=True,
    ),
    Mutation(
        "adds_unsigned", "spikeloom_channelwise", "sum_currents",
        "(Mode == 1) && (Signed != 0) && value[ValueBits-1];", "1'b0;", slow=True,
    ),
    Mutation(
        "waits_for_its_results", "spikeloom_channelwise", "dw_planes",
        ".Buffers(Buffers)", ".Buffers(1)", slow=True,
    ),
    Mutation(
        "holds_late", "spikeloom_channelwise", "max_spikes",
        ".close_i(visit_valid && visit_last)", ".close_i(visit_last_q)", slow=True,
    ),
    Mutation(
        "always_takes_weights", "spikeloom_product", "dst_heads",
        "assign w_axis_tready = !loaded_q;", "assign w_axis_tready = 1'b1;", slow=True,
    ),
    Mutation(
        "loads_once", "spikeloom_product", "dstt_heads",
        "else if (visit_last_q) loaded_q <= 1'b0;", "", slow=True,
    ),
    Mutation(
        "keeps_its_weights", "spikeloom_product", "dst_heads",
        "if (!rst_ni) loaded_q <= 1'b0;\n    else if", "if", slow=True,
    ),
    Mutation(
        "fills_one_bank", "spikeloom_product", "dstt_lanes",
        "bank_q <= last_bank ? 1 : bank_q << 1;", "bank_q <= 1;", slow=True,
    ),
    Mutation(
        "stays_in_the_rows", "spikeloom_product", "dstt_heads",
        "if (last_bank) first_row_q <= next_row;", "", slow=True,
    ),
    Mutation(
        "starts_every_head_at_once", "spikeloom_product", "dst_wraps",
        "head_row_q <= next_head_row;", "head_row_q <= token_row;", slow=True,
    ),
    Mutation(
        "counts_one_plane", "spikeloom_product", "dst_planes",
        "(ValueBits > 1) ? wide << plane_2_q : wide", "wide", slow=True,
    ),
    Mutation(
        "shares_the_outputs", "spikeloom_product", "dst_heads",
        ".ChannelTable((Heads > 1) ? 1 : 0)", ".ChannelTable(0)", slow=True,
    ),
    Mutation(
        "compares_unsigned", "spikeloom_argmax", "argmax_3_2_9",
        "  reg signed [ScoreBits-1:0] best_q;", "  reg [ScoreBits-1:0] best_q;", slow=True,
    ),
    Mutation(
        "keeps_its_state", "spikeloom_rate_encoder", "encoder_3_8_5_4_32768",
        "!rst_ni || !(full_q || offered_q)", "!rst_ni", slow=True,
    ),
    Mutation(
        "speaks_behind_the_end", "spikeloom_rate_encoder", "encoder_3_8_5_4_32768",
        "(value > random) && !blank_q", "(value > random)", slow=True,
    ),
    Mutation(
        "keeps_surplus", "spikeloom_rate_encoder", "encoder_3_8_5_4_32768",
        "accept && !surplus_q", "accept", slow=True,
    ),
    *mutations_accumulator.MUTATIONS,
    *mutations_early.MUTATIONS,
    *mutations_flow.MUTATIONS,
    *mutations_sparse.MUTATIONS,
    *mutations_unrolled.MUTATIONS,
)  # fmt: skip
