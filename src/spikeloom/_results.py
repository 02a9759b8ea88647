"""Results that a step leaves in an output folder for the report."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from spikeloom.ir import DataError

ESTIMATE = "estimate.json"  # that `build` writes
_CORE = "-core"  # behind the board, where the network was synthesised alone


@dataclass(frozen=True, slots=True, kw_only=True)
class Synthesis:
    """What `synth` found of a whole design; None is what the tools do not tell."""

    board: str
    core_only: bool
    lut: int | None
    ff: int | None
    bram: int | None
    fmax_mhz: float | None
    seed: int | None
    tools: Mapping[str, str]
    note: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Simulation:
    """What `verify` found; `cycles` and `layer_cycles` are means of an inference."""

    inferences: int | None
    passed: bool | None
    cycles: float | None
    layer_cycles: Mapping[str, float]
    accuracy: float | None
    simulator: str | None


def synthesised_boards(out: Path, *, core_only: bool = False) -> list[str]:
    """Return the boards that `out` was synthesised for, with their pins or the core alone."""
    names = (path.stem.removeprefix("synth-") for path in out.glob("synth-*.json"))
    return sorted(name.removesuffix(_CORE) for name in names if name.endswith(_CORE) is core_only)


def read_synthesis(out: Path, board: str, *, core_only: bool = False) -> Synthesis | None:
    """Read what `synth` found for a board, None before it ran.

    Raises:
        DataError: If the file is damaged.
    """
    result = read_result(out / f"synth-{board}{_CORE if core_only else ''}.json")
    if result is None:
        return None
    return Synthesis(
        board=board,
        core_only=core_only,
        lut=result.get("lut"),
        ff=result.get("ff"),
        bram=result.get("bram"),
        fmax_mhz=result.get("fmax_mhz"),
        seed=result.get("seed"),
        tools=result.get("tool") or {},
        note=result.get("note") or "",
    )


def read_simulation(out: Path) -> Simulation | None:
    """Read what `verify` found, None before it ran.

    Raises:
        DataError: If the file is damaged.
    """
    result = read_result(out / "verify.json")
    if result is None:
        return None
    return Simulation(
        inferences=result.get("inferences"),
        passed=result.get("passed"),
        cycles=(result.get("cycles_per_inference") or {}).get("mean"),
        layer_cycles=result.get("layer_cycles") or {},
        accuracy=result.get("accuracy"),
        simulator=result.get("simulator"),
    )


def read_result(path: Path) -> dict[str, Any] | None:
    """Read a result of an earlier step, or return None if there is none.

    Raises:
        DataError: If the file is no JSON object, say cut short, or has a number
            that JSON has not, such as NaN.
    """
    try:
        result = json.loads(path.read_text(encoding="utf-8"), parse_constant=_refuse)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read ({error}); remove it and run again") from error
    if not isinstance(result, dict):
        raise DataError(f"{path} must hold a JSON object; remove it and run again")
    return result


def _refuse(constant: str) -> None:
    raise ValueError(f"{constant} is no number of JSON")
