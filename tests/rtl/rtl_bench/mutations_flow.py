"""Deliberate errors in the modules that join, part and delay streams."""

from __future__ import annotations

from rtl_bench.suite import Mutation

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "sends_twice", "spikeloom_fork", "fork_3_33",
        "{Outputs{s_axis_tvalid}} & ~done_q;", "{Outputs{s_axis_tvalid}};",
    ),
    Mutation(
        "waits_for_all", "spikeloom_fork", "fork_2_8",
        "{Outputs{s_axis_tvalid}} & ~done_q;",
        "{Outputs{s_axis_tvalid && s_axis_tready}} & ~done_q;",
    ),
    Mutation(
        "takes_alone", "spikeloom_add", "add_mixed",
        "wire accept = (&s_axis_tvalid) && run;", "wire accept = (|s_axis_tvalid) && run;",
    ),
    Mutation(
        "reads_the_table_late", "spikeloom_add", "add_table",
        ".address_i(entry_next)", ".address_i(entry_q)",
    ),
    Mutation(
        "forgets_the_last_input", "spikeloom_concat", "concat_uneven",
        "localparam [31:0] LastInputValue = Inputs - 1;",
        "localparam [31:0] LastInputValue = Inputs - 2;",
    ),
    Mutation(
        "ends_with_any", "spikeloom_concat", "concat_two",
        "last_input && s_axis_tlast[Inputs-1]", "s_axis_tlast[select_q]",
    ),
    Mutation(
        "keeps_the_last_step", "spikeloom_delay", "delay_8_3_4_4",
        "wire drop = (TimeSteps > 1) && (in_step_q == LastStep);", "wire drop = 1'b0;",
    ),
    Mutation(
        "zero_step_waits", "spikeloom_delay", "delay_8_3_4_4",
        "assign m_axis_tvalid = zero_q || kept_valid;",
        "assign m_axis_tvalid = (zero_q && (s_axis_tvalid || word_q != 0)) || kept_valid;",
    ),
    Mutation(
        "ends_every_part", "spikeloom_resize", "resize_3_6_2",
        "assign m_axis_tlast  = s_axis_tlast && last_part;", "assign m_axis_tlast  = s_axis_tlast;",
    ),
    Mutation(
        "gathers_backwards", "spikeloom_resize", "resize_4_2_6",
        "word_q <= {fill_q ? {InWidth{1'b0}} : s_axis_tdata, word_q[OutWidth-1:InWidth]};",
        "word_q <= {word_q[OutWidth-InWidth-1:0], s_axis_tdata};",
    ),
    Mutation(
        "stays_in_the_beat", "spikeloom_resize", "resize_4_2_6",
        "fill_q <= (fill_q || s_axis_tlast) && !last_part;", "fill_q <= 1'b0;",
    ),
    # Left out of the normal run
    Mutation(
        "remembers_through_a_reset", "spikeloom_fork", "fork_5_4",
        "if (!rst_ni) done_q <= 0;\n    else if (s_axis_tvalid)", "if (s_axis_tvalid)", slow=True,
    ),
    Mutation(
        "all_signed", "spikeloom_add", "add_mixed", "Signed[k] && ", "", slow=True,
    ),
    Mutation(
        "table_runs_on", "spikeloom_add", "add_table", "s_axis_tlast[0] || ", "", slow=True,
    ),
    Mutation(
        "resets_the_table_late", "spikeloom_add", "add_table",
        ".en_i(!rst_ni || accept)", ".en_i(accept)", slow=True,
    ),
    Mutation(
        "ignores_the_top", "spikeloom_add", "add_large",
        "{(OutBits - Taken) {Bias[31]}}", "{(OutBits - Taken) {1'b0}}", slow=True,
    ),
    Mutation(
        "all_unsigned", "spikeloom_concat", "concat_one",
        "Signed[k] && s_axis_tdata[Base+Bits-1]", "1'b0", slow=True,
    ),
    Mutation(
        "counts_too_far", "spikeloom_concat", "concat_long",
        "= Groups[32*k+:32] - 1;", "= Groups[32*k+:32];", slow=True,
    ),
    Mutation(
        "waits_to_drop", "spikeloom_delay", "delay_8_1_2_2",
        "assign s_axis_tready = drop || fifo_ready;", "assign s_axis_tready = fifo_ready;",
        slow=True,
    ),
    Mutation(
        "zero_for_ever", "spikeloom_delay", "delay_5_3_1_4",
        "zero_q <= last_step && (TimeSteps > 1);", "zero_q <= last_step;", slow=True,
    ),
    Mutation(
        "takes_zero_for_kept", "spikeloom_delay", "delay_33_4_3_9",
        ".m_axis_tready(m_axis_tready && !zero_q)", ".m_axis_tready(m_axis_tready)", slow=True,
    ),
    Mutation(
        "has_no_room", "spikeloom_resize", "resize_3_2_8",
        "wire free = !full_q || m_axis_tready;", "wire free = !full_q;", slow=True,
    ),
    Mutation(
        "fills_with_what_is_there", "spikeloom_resize", "resize_3_2_8",
        "fill_q ? {InWidth{1'b0}} : s_axis_tdata", "s_axis_tdata", slow=True,
    ),
    Mutation(
        "takes_what_it_does_not_keep", "spikeloom_resize", "resize_3_2_8",
        "assign s_axis_tready = free && !fill_q;", "assign s_axis_tready = free;", slow=True,
    ),
    Mutation(
        "forgets_the_end", "spikeloom_resize", "resize_1_1_5",
        "last_q <= fill_q || s_axis_tlast;", "last_q <= s_axis_tlast;", slow=True,
    ),
    Mutation(
        "fills_after_a_reset", "spikeloom_resize", "resize_3_2_8",
        "          fill_q <= 1'b0;\n", "", slow=True,
    ),
    Mutation(
        "keeps_its_place", "spikeloom_resize", "resize_2_8_2",
        "if (!rst_ni) part_q <= 0;\n        else if (m_axis_tvalid", "if (m_axis_tvalid", slow=True,
    ),
)  # fmt: skip
