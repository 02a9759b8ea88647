"""Deliberate errors in the modules of early decision."""

from __future__ import annotations

from rtl_bench.suite import Mutation

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "lets_the_next_one_in", "spikeloom_gate", "gate_2",
        "wire open = core_rst_q && !whole_q && !drop_q;", "wire open = core_rst_q && !drop_q;",
    ),
    Mutation(
        "drops_nothing", "spikeloom_gate", "gate_5",
        "drop_q  <= !whole_q && !ends;", "drop_q  <= 1'b0;",
    ),
    Mutation(
        "drops_the_next_one", "spikeloom_gate", "gate_1",
        "drop_q  <= !whole_q && !ends;", "drop_q  <= !whole_q;",
    ),
    Mutation(
        "feeds_a_core_in_reset", "spikeloom_gate", "gate_2",
        "wire open = core_rst_q && !whole_q", "wire open = !whole_q",
    ),
    Mutation(
        "begins_with_what_it_drops", "spikeloom_gate", "gate_5",
        "begun_q || (taken && !drop_q)", "begun_q || taken",
    ),
    Mutation(
        "last_of_equals_wins", "spikeloom_decision", "decision_10_1_4_4_t4",
        "merge = (right_best > left_best)", "merge = (right_best >= left_best)",
    ),
    Mutation(
        "forgets_the_ties", "spikeloom_decision", "decision_2_5_4_10_t9",
        "ahead = (Ties != 0) ? left_best + 1 : left_best;", "ahead = left_best;",
    ),
    Mutation(
        "forgets_the_rival", "spikeloom_decision", "decision_10_1_4_4_t4",
        "of_left = (right_best > left_rival) ? right_best : left_rival;", "of_left = right_best;",
    ),
    Mutation(
        "lead_must_be_more", "spikeloom_decision", "decision_3_2_5_5_3",
        "(lead_q >= needed)", "(lead_q > needed)",
    ),
    Mutation(
        "does_not_wait_for_the_input", "spikeloom_decision", "decision_3_2_5_5_3",
        "|| waiting_q) && begun_i;", "|| waiting_q);",
    ),
    Mutation(
        "decides_twice", "spikeloom_decision", "decision_2_1_4_3_2",
        "lead_valid_q <= step_valid && !clear;", "lead_valid_q <= step_valid;",
    ),
    Mutation(
        "sends_what_came_after", "spikeloom_decision", "decision_2_1_4_3_2",
        "pass ? read_q + StepWords", "pass ? read_q + StepWords + 1'b1",
    ),
    Mutation(
        "keeps_what_came_after", "spikeloom_decision", "decision_3_2_5_5_3",
        "if (stop) write_q <= read_q + StepWords;\n      else if (take)", "if (take)",
    ),
    Mutation(
        "keeps_its_step", "spikeloom_decision", "decision_2_5_4_10_t9",
        "step_next = clear ? 0 : pass", "step_next = !rst_ni ? 0 : pass",
    ),
    Mutation(
        "takes_while_it_sends", "spikeloom_decision", "decision_1_7_2_4_1",
        "assign s_axis_tready = core_rst_ni && !sending_q;", "assign s_axis_tready = core_rst_ni;",
    ),
    Mutation(
        "takes_from_a_core_in_reset", "spikeloom_decision", "decision_2_1_4_3_2",
        "assign s_axis_tready = core_rst_ni && !sending_q;", "assign s_axis_tready = !sending_q;",
    ),
    Mutation(
        "never_ends", "spikeloom_decision", "decision_7_3_8_4_511",
        "wire enough = (step_q == LastStep) || ", "wire enough = ",
    ),
    Mutation(
        "compares_the_step_before", "spikeloom_decision", "decision_4_4_3_6_4",
        "first_q ? beat : merge(so_far_q, beat)", "merge(so_far_q, beat)",
    ),
    Mutation(
        "counts_from_0", "spikeloom_decision", "decision_2_1_4_3_2",
        "else if (stop) steps_q <= step_q + 1'b1;", "else if (stop) steps_q <= step_q;",
    ),
    Mutation(
        "judges_late_scores", "spikeloom_decision", "decision_4_4_3_6_4",
        "&& s_axis_tready && !waiting_q;", "&& s_axis_tready;",
    ),
)  # fmt: skip
