"""Deliberate errors in the accumulator, all but the first."""

from __future__ import annotations

from rtl_bench.suite import Mutation

_MODULE = "spikeloom_accumulator"
# Words in memories, and one word in registers; two buffers
_DEEP = "accumulator_3_1_10_4_3_2_0_2"
_REGISTERS = "accumulator_6_2_8_5_1_2_0_2"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "forwards_across_sides", _MODULE, "accumulator_2_2_6_6_2_1_0_2",
        "({side_1_q, address_1_q} == {side_0_q, address_i});", "(address_1_q == address_i);",
    ),
    Mutation(
        "leaves_no_silence", _MODULE, _REGISTERS,
        "if (next) copy_q <= sum;", "if (next && (visit_2_q || added_q)) copy_q <= sum;",
    ),
    # Left out of the normal run
    Mutation(
        "forwards_further_across_sides", _MODULE, "accumulator_2_2_6_6_2_1_0_2",
        "({side_2_q, address_2_q} == {side_0_q, address_i});", "(address_2_q == address_i);",
        slow=True,
    ),
    Mutation(
        "forwards_nothing", _MODULE, "accumulator_6_3_12_7_5_4_0_1",
        "newest_q ? sum : sum_q;", "sum_q;", slow=True,
    ),
    Mutation(
        "swaps_the_sides_of_visits", _MODULE, _DEEP,
        "side_1_q ? entries[Buffers-1] : entries[0];",
        "side_1_q ? entries[0] : entries[Buffers-1];", slow=True,
    ),
    Mutation(
        "swaps_the_sides_of_words", _MODULE, _DEEP,
        "kept_side_q ? entries[Buffers-1] : entries[0];",
        "kept_side_q ? entries[0] : entries[Buffers-1];", slow=True,
    ),
    Mutation(
        "adds_to_one_side", _MODULE, _DEEP,
        "(Buffers > 1 && valid_i && last_i) side_0_q", "(1'b0) side_0_q", slow=True,
    ),
    Mutation(
        "writes_both_sides", _MODULE, _DEEP,
        "clear || (visit_2_q && (side_2_q == s));", "clear || visit_2_q;", slow=True,
    ),
    Mutation(
        "changes_sides_without_the_end", _MODULE, _DEEP,
        "Buffers > 1 && valid_i && last_i", "Buffers > 1 && last_i", slow=True,
    ),
    Mutation(
        "reads_visits_while_it_sweeps", _MODULE, _DEEP,
        "is_swept ? next_address_q : address_i;",
        "(is_swept && (side_0_q != s)) ? next_address_q : address_i;", slow=True,
    ),
    Mutation(
        "does_not_keep_its_word", _MODULE, _DEEP,
        "wire                  read = !is_kept || (fetch && is_swept);",
        "wire                  read = 1'b1;", slow=True,
    ),
    Mutation(
        "clears_the_next_side", _MODULE, _DEEP,
        "last_repeat && (kept_side_q == s)", "last_repeat && (next_side_q == s)", slow=True,
    ),
    Mutation(
        "clears_the_side_of_visits", _MODULE, _DEEP,
        "last_repeat && (kept_side_q == s)", "last_repeat && (side_0_q == s)", slow=True,
    ),
    Mutation(
        "clears_both_sides", _MODULE, _DEEP,
        "(offer && last_repeat && (kept_side_q == s));", "(offer && last_repeat);", slow=True,
    ),
    Mutation(
        "is_not_cleared", _MODULE, "accumulator_3_1_10_4_3_2_0_1",
        "wipe_q || (offer && last_repeat && (kept_side_q == s));", "wipe_q;", slow=True,
    ),
    Mutation(
        "keeps_its_marks", _MODULE, _DEEP,
        "wipe_q || (offer && last_repeat && (kept_side_q == s));", "wipe_q;", slow=True,
    ),
    Mutation(
        "is_cleared_early", _MODULE, "accumulator_3_1_10_4_3_2_0_1",
        "wipe_q || (offer && last_repeat &&", "wipe_q || (offer &&", slow=True,
    ),
    Mutation(
        "clears_with_a_sum", _MODULE, "accumulator_3_1_10_4_3_2_0_1",
        "if (!rst_ni || !visit_1_q || !(forward_q", "if (!(forward_q", slow=True,
    ),
    Mutation(
        "adds_without_a_visit", _MODULE, "accumulator_4_2_8_5_1_3_0_1",
        "if (!rst_ni || !visit_1_q) addend_q <= 0;\n    else addend_q", "addend_q", slow=True,
    ),
    Mutation(
        "sends_unmarked_words", _MODULE, _DEEP,
        "kept[WordBits] ? kept[WordBits-1:0] : {WordBits{1'b0}};", "kept[WordBits-1:0];",
        slow=True,
    ),
    Mutation(
        "adds_to_unmarked_words", _MODULE, _DEEP,
        "(forward_q || visited[WordBits])", "(1'b1)", slow=True,
    ),
    Mutation(
        "reads_the_step_once", _MODULE, _DEEP,
        "fetch && next_last && last_repeat;", "fetch && next_last;", slow=True,
    ),
    Mutation(
        "forgets_a_step_that_waits", _MODULE, "accumulator_8_2_12_6_13_1_0_2",
        "added_q <= (added_q << 1) | One;", "added_q <= One;", slow=True,
    ),
    Mutation(
        "loses_the_end_of_a_step", _MODULE, "accumulator_2_2_6_6_2_1_0_2",
        "if (last_2_q && !all_read) added_q", "if (last_2_q) added_q", slow=True,
    ),
    Mutation(
        "pauses_between_steps", _MODULE, "accumulator_4_4_9_9_4_1_0_2",
        "added_q[0] && (!kept_q || offer);",
        "added_q[0] && (!kept_q || (offer && !kept_last_q));", slow=True,
    ),
    Mutation(
        "reads_one_word_ahead", _MODULE, "accumulator_8_2_12_6_13_1_0_2",
        "kept_q && (!offered_q || word_taken);", "kept_q && !offered_q;", slow=True,
    ),
    Mutation(
        "holds_one_step", _MODULE, _DEEP,
        "assign hold_o = closed_q[Buffers-1];", "assign hold_o = closed_q[0];", slow=True,
    ),
    Mutation(
        "holds_late", _MODULE, _DEEP,
        "else if (close_i && !step_left)", "else if (valid_i && last_i && !step_left)", slow=True,
    ),
    Mutation(
        "lets_go_early", _MODULE, _DEEP,
        "else if (step_left && !close_i)", "else if (step_read && !close_i)", slow=True,
    ),
    Mutation(
        "lets_go_at_the_first_repeat", _MODULE, _REGISTERS,
        "step_left = step_read && last_repeat;", "step_left = step_read;", slow=True,
    ),
    Mutation(
        "lets_go_late", _MODULE, _DEEP,
        "else if (step_left && !close_i)", "else if (step_left && !close_i && !closed_q[0])",
        slow=True,
    ),
    Mutation(
        "loses_a_step_that_leaves", _MODULE, _DEEP,
        "(close_i && !step_left)", "(close_i)", slow=True,
    ),
    Mutation(
        "copies_over_a_step", _MODULE, _REGISTERS,
        "done && !full_q;", "done;", slow=True,
    ),
    Mutation(
        "copies_late", _MODULE, _REGISTERS,
        "done && !full_q;", "added_q && !full_q;", slow=True,
    ),
    Mutation(
        "adds_to_the_step_before", _MODULE, _REGISTERS,
        "(Buffers > 1) ? next : left_q;", "left_q;", slow=True,
    ),
    Mutation(
        "forgets_what_waits", _MODULE, _REGISTERS,
        "done && !next;", "1'b0;", slow=True,
    ),
    Mutation(
        "compares_signed", _MODULE, "accumulator_3_3_6_6_4_2_1_1",
        "(wide > current) ?", "($signed(wide) > $signed(current)) ?", slow=True,
    ),
)  # fmt: skip
