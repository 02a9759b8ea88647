"""Deliberate errors in the modules of the unrolled engine."""

from __future__ import annotations

from rtl_bench.suite import Mutation

MUTATIONS: tuple[Mutation, ...] = (
    Mutation(
        "fires_above", "spikeloom_neuron_array", "array_lif",
        "assign fire = !above[MembraneBits];",
        "assign fire = !above[MembraneBits] && (above[MembraneBits:0] != 0);",
    ),
    Mutation(
        "leaks_while_it_waits", "spikeloom_neuron_array", "array_lif",
        "else if (update) above_q <= above[MembraneBits:0];",
        "else if (run) above_q <= above[MembraneBits:0];",
    ),
    Mutation(
        "clamps_one_side", "spikeloom_neuron_array", "array_narrow",
        "clamp_q <= is_high || is_low;", "clamp_q <= is_high;",
    ),
    Mutation(
        "counts_every_beat", "spikeloom_unrolled", "unrolled_2_1",
        "s_axis_tvalid && !surplus_q;", "s_axis_tvalid;",
    ),
    Mutation(
        "moves_while_it_waits", "spikeloom_unrolled", "unrolled_2_1",
        "assign en_o = run;", "assign en_o = 1'b1;",
    ),
    # Left out of the normal run
    Mutation(
        "remembers_the_last_inference", "spikeloom_neuron_array", "array_lif",
        "!rst_ni || (update && final_1_q);", "!rst_ni;", slow=True,
    ),
    Mutation(
        "remembers_through_a_reset", "spikeloom_neuron_array", "array_long",
        "!rst_ni || (update && final_1_q);", "(update && final_1_q);", slow=True,
    ),
    Mutation(
        "rests_at_the_threshold", "spikeloom_neuron_array", "array_if",
        "if (clear) above_q <= 0;", "if (clear) above_q <= -1;", slow=True,
    ),
    Mutation(
        "keeps_what_fired", "spikeloom_neuron_array", "array_late_zero",
        "(ResetMode == 1 && fired)", "1'b0", slow=True,
    ),
    Mutation(
        "subtracts_once", "spikeloom_neuron_array", "array_late_wide",
        "late ? twice_q : lowered_q", "lowered_q", slow=True,
    ),
    Mutation(
        "subtracts_from_the_spike_alone", "spikeloom_neuron_array", "array_late",
        "late ? lowered_q : added_q", "added_q", slow=True,
    ),
    Mutation(
        "starts_high", "spikeloom_neuron_array", "array_narrow",
        "            Maximum - Threshold[MembraneBits-1:0] :", "            Maximum :", slow=True,
    ),
    Mutation(
        "fires_below", "spikeloom_neuron_array", "array_narrow",
        "(is_high || (!is_low && !above[WorkBits-1]))", "!above[MembraneBits]", slow=True,
    ),
    Mutation(
        "integrates_to_the_wrong_side", "spikeloom_neuron_array", "array_clamped_sums",
        "(Spiking != 0) ? fire : is_high;", "fire;", slow=True,
    ),
    Mutation(
        "resets_at_once", "spikeloom_neuron_array", "array_late_zero",
        "(!fire || ResetDelay != 0 || ResetMode == 2) ? u_fit",
        "(!fire || ResetMode == 2) ? u_fit", slow=True,
    ),
    Mutation(
        "sends_every_step", "spikeloom_neuron_array", "array_integrator",
        "(Spiking != 0 || EveryStep != 0 || final_1_q)", "1'b1", slow=True,
    ),
    Mutation(
        "does_not_wait", "spikeloom_neuron_array", "array_if",
        "wire run = !spare_valid_q;", "wire run = 1'b1;", slow=True,
    ),
    Mutation(
        "loses_the_spare", "spikeloom_neuron_array", "array_if",
        "out_q <= spare_valid_q ? spare_q : ~inverse_q;", "out_q <= ~inverse_q;", slow=True,
    ),
    Mutation(
        "keeps_the_spare", "spikeloom_neuron_array", "array_if",
        "      offered_q <= spare_valid_q || valid_2_q;\n      spare_valid_q <= 1'b0;",
        "      offered_q <= spare_valid_q || valid_2_q;\n      spare_valid_q <= valid_2_q;",
        slow=True,
    ),
    Mutation(
        "shows_it_twice", "spikeloom_neuron_array", "array_if",
        "assign probe_valid_o = update;", "assign probe_valid_o = valid_1_q;", slow=True,
    ),
    Mutation(
        "keeps_its_step", "spikeloom_neuron_array", "array_long",
        "      step_q <= 0;\n", "", slow=True,
    ),
    Mutation(
        "sends_once", "spikeloom_unrolled", "unrolled_3_4",
        "(m_axis_tready && last_repeat)", "m_axis_tready", slow=True,
    ),
    Mutation(
        "stays_behind_the_end", "spikeloom_unrolled", "unrolled_5_1",
        "      surplus_q <= 1'b0;\n", "", slow=True,
    ),
    Mutation(
        "keeps_the_count", "spikeloom_unrolled", "unrolled_1_3",
        "      repeat_q  <= 0;\n", "", slow=True,
    ),
    Mutation(
        "sleeps", "spikeloom_unrolled", "unrolled_2_2",
        "assign busy_o = |valid_q;", "assign busy_o = 1'b0;", slow=True,
    ),
)  # fmt: skip
