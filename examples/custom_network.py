"""A network described in Python and trained with an ordinary PyTorch loop.

    python examples/custom_network.py [FOLDER]

It trains for some seconds on the built-in digits, exports the integers to
FOLDER (`custom/` by default) and shows that the exported graph gives the same
scores.  `spikeloom build FOLDER --out OUT` turns the folder into Verilog.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
import torch.nn.functional as F  # noqa: N812  # its usual name

from spikeloom.ir import save_graph
from spikeloom.model import (
    DataConfig,
    DenseLayer,
    Network,
    NetworkConfig,
    NeuronConfig,
    ReadoutConfig,
    export,
    load_dataset,
    quantise,
    verify_export,
)

INPUT_BITS = 2


def describe() -> Network:
    """64-48-10 with a learnable decay, 3-bit weights and a spike-count readout."""
    hidden = DenseLayer(
        name="hidden",
        features=48,
        weight_bits=3,
        batch_norm=True,
        neuron=NeuronConfig(kind="plif", tau=2.0, membrane_bits=9),
    )
    output = DenseLayer(
        name="output",
        features=10,
        weight_bits=4,
        batch_norm=True,
        neuron=NeuronConfig(kind="lif", leak=2, reset="zero"),
    )
    return Network(
        NetworkConfig(time_steps=6, layers=(hidden, output)),
        readout=ReadoutConfig(kind="spike_count"),
        shape=(1, 8, 8),
        input_bits=INPUT_BITS,
        name="custom",
        seed=1,
    )


def main(folder: Path) -> None:
    """Train, export, compare."""
    torch.manual_seed(1)
    torch.set_num_threads(1)
    data = load_dataset(DataConfig(set="digits"))
    images, tests = (
        torch.from_numpy(quantise(part.images, pixel_bits=data.pixel_bits, input_bits=INPUT_BITS))
        for part in (data.train, data.test)
    )
    labels = torch.from_numpy(data.train.labels)
    network = describe()
    optimiser = torch.optim.AdamW(network.parameters(), lr=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, T_max=40)
    for _ in range(40):
        for index in torch.randperm(len(labels)).split(64):
            loss = F.cross_entropy(network.logits(images[index]), labels[index])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
        schedule.step()

    graph = export(network)
    predictions = verify_export(network.eval(), graph, tests)
    folder.mkdir(parents=True, exist_ok=True)
    save_graph(graph, folder)
    accuracy = (predictions == data.test.labels).mean()
    report = f"the graph in {folder} equals PyTorch on {len(tests)} images"
    print(f"accuracy {accuracy:.2%}; {report}")  # noqa: T201  # an example shows its result


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else Path("custom"))
