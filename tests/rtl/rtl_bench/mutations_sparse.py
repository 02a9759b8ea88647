"""Deliberate errors in sparse rows."""

from __future__ import annotations

from rtl_bench.suite import Mutation

_ROWS = "spikeloom_sparse_rows"

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "forgets_the_end", _ROWS, "sparse_40_16_10",
        "row_valid_q && (has_words || row_last_q);", "row_valid_q && has_words;",
    ),
    Mutation(
        "visits_an_empty_row", _ROWS, "sparse_40_16_10",
        "row_visit_q && (row_count != 0);", "row_visit_q;",
    ),
    Mutation(
        "closes_late", _ROWS, "sparse_9_5_30",
        "assign m_close_o = issue && finished && loop_last_q;",
        "assign m_close_o = visit_valid_q && visit_last_q;",
    ),
    Mutation(
        "adds_no_offset", "spikeloom_synapse", "sp_conv",
        ".OffsetFile(OffsetFile)", '.OffsetFile("")',
    ),
    # Left out of the normal run
    Mutation(
        "loses_a_row", _ROWS, "sparse_9_5_30",
        "wire                          accept = !row_valid_q || load;",
        "wire                          accept = 1'b1;", slow=True,
    ),
    Mutation(
        "pauses", _ROWS, "sparse_16_2_40",
        "!row_valid_q || load;", "!row_valid_q;", slow=True,
    ),
    Mutation(
        "visits_the_end", _ROWS, "sparse_9_5_30",
        "finished_q <= !row_visit_q || (row_count[CountBits-1:1] == 0);",
        "finished_q <= (row_count[CountBits-1:1] == 0);",
        slow=True,
    ),
    Mutation(
        "one_too_many", _ROWS, "sparse_9_5_30",
        "finished_q <= (left_q == 2);", "finished_q <= (left_q == 1);", slow=True,
    ),
    Mutation(
        "takes_the_next_output", _ROWS, "sparse_9_5_30",
        "visit_output_q <= output_q;", "visit_output_q <= row_output_q;", slow=True,
    ),
    Mutation(
        "does_not_hold", _ROWS, "sparse_16_2_40",
        "loop_valid_q && !hold_i;", "loop_valid_q;", slow=True,
    ),
    Mutation(
        "keeps_its_row", _ROWS, "sparse_40_16_10",
        "if (!rst_ni) row_valid_q <= 1'b0;\n    else if", "if", slow=True,
    ),
    Mutation(
        "forgets_the_channel", "spikeloom_synapse", "sp_dense",
        ".s_row_i(rule_weight + channel)", ".s_row_i(rule_weight)", slow=True,
    ),
    Mutation(
        "closes_with_the_rule", "spikeloom_synapse", "sp_conv",
        ".m_close_o(close),", ".m_close_o(), ", slow=True,
    ),
)  # fmt: skip
