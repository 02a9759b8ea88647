"""Parameter sets of the modules of early decision."""

from __future__ import annotations

from random import Random

from rtl_bench.suite import Case
from spikeloom.codegen._literals import memory_file, sized, text

_FRAMES = (1, 2, 5)


def _gate(frames: int, *, slow: bool = False) -> Case:
    return Case(
        name=f"gate_{frames}", module="spikeloom_gate", parameters={"Frames": frames}, slow=slow
    )


def _decision(
    lanes: int, words: int, bits: int, steps: int, lead: int, *, slow: bool = False
) -> Case:
    """A table of leads up to `lead` for a lead below 0, else the same for all steps."""
    name = f"decision_{lanes}_{words}_{bits}_{steps}_{'t' if lead < 0 else ''}{abs(lead)}"
    random = Random(name)
    sizes = {"Lanes": lanes, "Words": words, "ScoreBits": bits, "TimeSteps": steps}
    if lead >= 0:
        margin = sized(lead, 33)
        return Case(
            name=name,
            module="spikeloom_decision",
            parameters={**sizes, "Ties": int(lead % 2 == 0), "Margin": margin},
            facts=[lead] * steps,
            slow=slow,
        )
    leads = [random.randint(0, -lead) for _ in range(steps)]
    path = f"mem/{name}.mem"
    return Case(
        name=name,
        module="spikeloom_decision",
        parameters={**sizes, "Ties": 1, "Table": 1, "TableFile": text(path)},
        files={path: memory_file(leads, bits + 1)},
        facts=leads,
        slow=slow,
    )


# Lanes, Words, ScoreBits, TimeSteps, lead
_DECISIONS = (
    (1, 2, 3, 2, 1),
    (2, 1, 4, 3, 2),
    (10, 1, 4, 4, -4),
    (3, 2, 5, 5, 3),
    (2, 5, 4, 10, -9),
    (1, 7, 2, 4, 1),
    (5, 1, 9, 1, 1),
    (7, 3, 8, 4, 511),
    (4, 4, 3, 6, 4),
)
_SLOW_DECISIONS = (
    (16, 1, 12, 8, 100),
    (9, 1, 3, 25, -7),
    (1, 1, 4, 3, 2),
    (1, 20, 6, 4, -20),
    (12, 3, 32, 3, 1 << 31),
    (6, 2, 4, 3, 0),
)

CASES: tuple[Case, ...] = (
    *(_gate(frames) for frames in _FRAMES),
    _gate(8, slow=True),
    *(_decision(*sizes) for sizes in _DECISIONS),
    *(_decision(*sizes, slow=True) for sizes in _SLOW_DECISIONS),
)
