#!/usr/bin/env python3
"""Write the table of results in README.md from output folders that were verified.

Usage: benchmarks/readme_results.py out/digits [out/mnist ...]

Every figure is read from what `spikeloom verify --probe`, `synth` and `report`
left in the folders, so that the README shows nothing that was not measured.
"""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import spikeloom

SHOWN_LAYERS = 6  # a longer network is told by its ends
README = Path(__file__).resolve().parents[1] / "README.md"
BEGIN, END = "<!-- results: benchmarks/readme_results.py -->", "<!-- end of results -->"


def read(path: Path) -> dict[str, Any]:
    """Read a JSON object."""
    value: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return value


def shape_of(manifest: dict[str, Any]) -> str:
    """Describe the layers, as in 784-128-10 or 3x32x32 to 10 in 24 layers."""
    layers = manifest["layers"]
    shapes = [manifest["input"]["shape"], *(layer["shape"] for layer in layers)]
    texts = ["x".join(map(str, shape)) for shape in shapes]
    if len(layers) > SHOWN_LAYERS:
        return f"{texts[0]} to {texts[-1]} in {len(layers)} layers"
    return "-".join(texts)


def exactness(out: Path) -> Iterator[str]:
    """Say per network what was compared and what it takes."""
    manifest, verified = read(out / "manifest.json"), read(out / "verify.json")
    report = spikeloom.report(out)
    bits = sorted(
        {
            synapse["weight_bits"]
            for layer in manifest["layers"]
            for synapse in layer["synapses"]
            if synapse["kind"] != "product"
        }
    )
    if not (verified["probe"] and verified["passed"]):
        sys.exit(f"{out} must have passed `spikeloom verify --probe`")
    yield (
        f"| {manifest['name']}, {shape_of(manifest)}, T = {manifest['time_steps']} "
        f"| {report.total.weights:,} of {', '.join(map(str, bits))} bits "
        f"| {100 * verified['accuracy']:.2f} % "
        f"| {verified['inferences']:,} images, {verified['spikes_compared']:,} spikes, "
        f"{verified['membranes_compared']:,} membranes: {verified['mismatches']} differences "
        f"| {verified['cycles_per_inference']['mean']:,.0f} "
        f"| {report.total.energy_pj / 1000:,.1f} nJ |"
    )


def boards(out: Path) -> Iterator[str]:
    """Say per board what the finished bitstream takes."""
    name = read(out / "manifest.json")["name"]
    for path in sorted(out.glob("synth-*.json")):
        result = read(path)
        if result["bitstream"] and not result["core_only"]:
            fmax = result["fmax_mhz"]
            yield (
                f"| {name} | {result['board']} | {result['lut']:,} | {result['ff']:,} "
                f"| {result['bram']} | {result['dsp']} | "
                f"{f'{fmax:.1f} MHz' if fmax else 'no credible estimate'} |"
            )


def section(outs: list[Path]) -> str:
    """Return the section between the markers."""
    lines = [
        BEGIN,
        "| network | weights | accuracy of the RTL | RTL against reference "
        "| clock cycles per image | energy* |",
        "|---|---|---|---|---|---|",
        *(line for out in outs for line in exactness(out)),
        "",
        "| network | bitstream for | LUT | FF | BRAM | DSP | Fmax |",
        "|---|---|---|---|---|---|---|",
        *(line for out in outs for line in boards(out)),
        "",
        "\\* per image; a count of operations, not a measured power: additions of weights "
        "x 0.9 pJ, each as in 45 nm; neuron updates are not counted.",
        END,
    ]
    return "\n".join(lines)


def main() -> None:
    """Replace the section of the README."""
    text = section([Path(argument) for argument in sys.argv[1:]])
    readme = README.read_text(encoding="utf-8")
    pattern = re.compile(re.escape(BEGIN) + ".*?" + re.escape(END), re.DOTALL)
    if len(sys.argv) < 2 or not pattern.search(readme):
        sys.exit(__doc__)
    README.write_text(pattern.sub(lambda _: text, readme), encoding="utf-8")


if __name__ == "__main__":
    main()
