"""Builds a top module of cases with Verilator and runs benches on it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cocotb_tools.config

from rtl_bench.library import FOLDER
from rtl_bench.suite import TOP, Case, Mutation, wrapper
from spikeloom.sim._verilator import find_verilator

HERE = Path(__file__).parent
SEED = os.environ.get("SPIKELOOM_RTL_SEED", "1")
SELECTED = "SPIKELOOM_RTL_INSTANCES"  # environment variable: names, separated by commas

# State without a reset starts at random, so that a missing reset is seen.
_RANDOM_STATE = ("--x-assign", "unique", "--x-initial", "unique")
_COMPILE = ("-MAKEFLAGS", "OPT_FAST=-O1 OPT_SLOW=-O0 OPT_GLOBAL=-O1")


@dataclass(frozen=True, slots=True)
class Outcome:
    """Tests that ran, and the failed ones with their reasons."""

    tests: tuple[str, ...]
    failures: dict[str, str]
    log: Path


def build(folder: Path, cases: Sequence[Case], mutations: Sequence[Mutation]) -> None:
    """Build the simulation of all cases and mutants in `folder`."""
    sources = {f"{mutation.mutant}.v": mutation.verilog() for mutation in mutations}
    sources["bench_top.v"] = wrapper(cases, mutations)
    for name, text in sources.items():
        (folder / name).write_text(text)
    for case in cases:
        write_memories(folder, case)
    _verilate(folder, [*map(str, sorted(FOLDER.glob("*.v"))), *sources])


def write_memories(folder: Path, case: Case) -> None:
    """Write the memory files of a case below `folder`."""
    for path, text in case.files.items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text)


def _verilate(folder: Path, sources: Iterable[str]) -> None:
    verilator = find_verilator()
    libraries = str(cocotb_tools.config.libs_dir)
    main = cocotb_tools.config.share_dir / "lib" / "verilator" / "verilator.cpp"
    command = [
        *(str(verilator.program), "--cc", "--exe", "--build", "--build-jobs", "2", "-O3"),
        *("--vpi", "--prefix", "Vtop", "--top-module", TOP, "--Mdir", "build", "-o", TOP),
        *("--timescale", "1ns/1ps", "-Wno-fatal"),
        *_RANDOM_STATE,
        *_COMPILE,
        *("-LDFLAGS", f"-Wl,-rpath,{libraries} -L{libraries} -lcocotbvpi_verilator"),
        *(str(main), *sources),
    ]
    done = subprocess.run(
        command,
        cwd=folder,
        env=verilator.environment(),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, f"the benches do not build:\n{done.stderr[-4000:]}"


def run(folder: Path, instances: Sequence[str]) -> Outcome:
    """Run every scenario on the given instances of a build."""
    results = folder / f"{instances[0]}.xml"
    log = folder / f"{instances[0]}.log"
    environment = os.environ | {
        SELECTED: ",".join(instances),
        "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]),
    }
    # The runner behaves differently when it thinks that pytest has called it.
    environment.pop("PYTEST_CURRENT_TEST", None)
    with log.open("w") as output:
        subprocess.run(
            [sys.executable, "-m", "rtl_bench.run", str(folder), results.name, SEED],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            check=False,
        )
    assert results.is_file(), f"the simulation did not run:\n{log.read_text()[-4000:]}"
    return _read(results, log, instances)


def _read(results: Path, log: Path, instances: Sequence[str]) -> Outcome:
    names, failures = [], {}
    for case in ElementTree.parse(results).getroot().iter("testcase"):
        # cocotb numbers the values of a parameter, unless they look like names to it.
        scenario, _, value = case.get("name", "").partition("/name=")
        name = f"{scenario} of {instances[int(value)] if value.isdigit() else value}"
        names.append(name)
        for failure in (*case.iter("failure"), *case.iter("error")):
            failures[name] = f"{failure.get('type')}: {failure.get('message')}"
    return Outcome(tuple(names), failures, log)
