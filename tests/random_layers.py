"""Random networks of layers of every kind, for the tests of training and export."""

from __future__ import annotations

import random
from dataclasses import dataclass, field

from spikeloom.ir import Shape
from spikeloom.model import (
    AddLayer,
    ConcatLayer,
    ConvLayer,
    DelayLayer,
    DenseLayer,
    LayerConfig,
    MaxPoolLayer,
    MixLayer,
    NeuronConfig,
    NeuronsLayer,
    PoolLayer,
    ProductLayer,
)
from spikeloom.model._shapes import output_shape

NONE = NeuronConfig(kind="none")
NEURONS = (
    NeuronConfig(leak=1),
    NeuronConfig(leak=2, reset="zero", membrane_bits=9),
    NeuronConfig(kind="plif", tau=3.0, detach_reset=False),
    NeuronConfig(kind="if", threshold=1.5, reset="none", surrogate="sigmoid"),
)
KINDS = ("conv", "bare", "neurons", "mix", "product", "pool", "max_pool", "concat", "add", "delay")


@dataclass
class RandomLayers:
    """Grows a network layer by layer; every value goes into the last layer in the end."""

    seed: int
    shape: Shape = (2, 6, 6)
    layers: list[LayerConfig] = field(default_factory=list)
    shapes: dict[str, Shape] = field(default_factory=dict)
    spikes: list[str] = field(default_factory=list)
    currents: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.rng = random.Random(self.seed)

    def make(self, count: int, classes: int) -> tuple[LayerConfig, ...]:
        """A network of about `count` layers and what joins their ends."""
        self._stem()
        while len(self.layers) < count:
            getattr(self, f"_{self.rng.choice(KINDS)}")()
        self._close_loop()
        return (*self._joined(), DenseLayer(name="last", source="joined", features=classes))

    def _append(self, layer: LayerConfig, *sources: str, current: bool) -> str:
        self.layers.append(layer)
        self.shapes[layer.name] = output_shape(layer, [self.shapes[name] for name in sources])
        (self.currents if current else self.spikes).append(layer.name)
        return layer.name

    def _name(self, kind: str) -> str:
        return f"{kind}{len(self.layers)}"

    def _stem(self) -> None:
        """Currents, a feedback onto them, and spikes."""
        self.shapes["input"] = self.shape
        channels = self.rng.choice((2, 4))
        stem = ConvLayer(
            name="stem",
            source="input",
            channels=channels,
            padding=(1, 1),
            batch_norm=True,
            neuron=NONE,
        )
        self._append(stem, "input", current=True)
        self._append(
            DelayLayer(name="back", source="loop", shape=(channels, *self.shape[1:])),
            current=True,
        )
        self._append(AddLayer(name="sum", sources=("stem", "back")), "stem", "back", current=True)
        self.currents.remove("back")  # what read it alone would be cut off from the input
        self._append(
            NeuronsLayer(name="first", source="sum", neuron=NEURONS[0]), "sum", current=False
        )

    def _close_loop(self) -> None:
        """A synapse back to the stem, or currents or spikes of its shape as they are."""
        shape = self.shapes["back"]
        fitting = [name for name in self.spikes if self.shapes[name][1:] == shape[1:]]
        source = self.rng.choice(fitting)
        if self.shapes[source] == shape and self.rng.random() < 0.3:
            neurons = NeuronsLayer(name="loop", source=source, neuron=NEURONS[0])
            self._append(neurons, source, current=False)
        else:
            self._append(self._bare_layer("loop", source, shape[0], 1), source, current=True)

    def _bare_layer(self, name: str, source: str, channels: int, kernel: int) -> ConvLayer:
        return ConvLayer(
            name=name,
            source=source,
            channels=channels,
            kernel=(kernel, kernel),
            padding=(kernel // 2, kernel // 2),
            batch_norm=self.rng.random() < 0.7,
            neuron=NONE,
            weight_bits=self.rng.choice((3, 4, 8)),
        )

    def _conv(self) -> None:
        source = self.rng.choice(self.spikes)
        _, height, width = self.shapes[source]
        wide = min(height, width) >= 3
        layer = ConvLayer(
            name=self._name("conv"),
            source=source,
            channels=self.rng.choice((2, 4)),
            kernel=(3, 1) if wide else (1, 1),
            padding=(1, 0) if wide else (0, 0),
            dilation=(self.rng.choice((1, 2)), 1) if height >= 5 else (1, 1),
            groups=self.rng.choice((1, 2)),
            batch_norm=self.rng.random() < 0.5,
            neuron=self.rng.choice(NEURONS),
        )
        self._append(layer, source, current=False)

    def _bare(self) -> None:
        source = self.rng.choice(self.spikes)
        kernel = 3 if min(self.shapes[source][1:]) >= 3 else 1
        channels = self.rng.choice((2, 4))
        layer = self._bare_layer(self._name("bare"), source, channels, kernel)
        self._append(layer, source, current=True)

    def _neurons(self) -> None:
        source = self.rng.choice(self.currents)
        layer = NeuronsLayer(
            name=self._name("neurons"), source=source, neuron=self.rng.choice(NEURONS)
        )
        self._append(layer, source, current=False)

    def _mix(self) -> None:
        source = self.rng.choice(self.spikes)
        bare = self.rng.random() < 0.3
        layer = MixLayer(
            name=self._name("mix"),
            source=source,
            axis=self.rng.choice(("rows", "columns", "tokens")),
            batch_norm=not bare and self.rng.random() < 0.6,
            neuron=NONE if bare else self.rng.choice(NEURONS),
        )
        self._append(layer, source, current=bare)

    def _product(self) -> None:
        """Attention: the map and what it gathers."""
        source = self.rng.choice(self.spikes)
        channels, height, width = self.shapes[source]
        heads = 2 if channels % 2 == 0 else 1
        kernel = 2 if min(height, width) >= 2 else 1
        for name in ("keys", "values"):
            layer = ConvLayer(
                name=self._name(name),
                source=source,
                channels=channels,
                kernel=(kernel, kernel),
                stride=(kernel, kernel),
                batch_norm=True,
                neuron=NONE,
            )
            self._append(layer, source, current=True)
        keys, values = self.currents[-2:]
        for at, weights, transposed in ((source, keys, True), ("", values, False)):
            spikes = at or self.spikes[-1]
            product = ProductLayer(
                name=self._name("product"),
                source=spikes,
                weights=weights,
                heads=heads,
                transposed=transposed,
                neuron=self.rng.choice(NEURONS),
            )
            self._append(product, spikes, weights, current=False)

    def _pool(self) -> None:
        self._window(PoolLayer)

    def _max_pool(self) -> None:
        self._window(MaxPoolLayer)

    def _window(self, kind: type[PoolLayer] | type[MaxPoolLayer]) -> None:
        name = self.rng.choice([*self.spikes, *self.currents])
        if min(self.shapes[name][1:]) < 3:
            return
        kernel, stride, padding = self.rng.choice(
            (
                ((3, 3), (1, 1), (1, 1)),
                ((2, 2), None, (0, 0)),
                ((3, 2), (2, 1), (1, 1)),
            )
        )
        layer = kind(
            name=self._name("window"), source=name, kernel=kernel, stride=stride, padding=padding
        )
        self._append(layer, name, current=name in self.currents)

    def _concat(self) -> None:
        values = self.rng.choice((self.spikes, self.currents))
        first = self.rng.choice(values)
        others = [n for n in values if self.shapes[n][1:] == self.shapes[first][1:]]
        sources = (first, self.rng.choice(others))
        layer = ConcatLayer(name=self._name("concat"), sources=sources)
        self._append(layer, *sources, current=first in self.currents)

    def _add(self) -> None:
        values = [*self.spikes, *self.currents]
        first = self.rng.choice(values)
        fitting = [n for n in values if self.shapes[n] == self.shapes[first]]
        sources = (first, *self.rng.choices(fitting, k=2))
        current = any(name in self.currents for name in sources)
        layer = AddLayer(name=self._name("add"), sources=sources)
        self._append(layer, *sources, current=current)

    def _delay(self) -> None:
        name = self.rng.choice([*self.spikes, *self.currents])
        layer = DelayLayer(name=self._name("delay"), source=name)
        self._append(layer, name, current=name in self.currents)

    def _joined(self) -> list[LayerConfig]:
        """The layers, and what takes every output that nobody reads to one vector."""
        read = {
            name
            for layer in self.layers
            for name in (
                *getattr(layer, "sources", ()),
                getattr(layer, "source", ""),
                getattr(layer, "weights", ""),
            )
        }
        ends = []
        unread = [n for n in (*self.spikes, *self.currents) if n not in read]
        for name in dict.fromkeys(["first", *unread]):  # the loop leads somewhere, too
            source = name
            if name in self.currents:
                source = f"{name}_end"
                self._append(
                    NeuronsLayer(name=source, source=name, neuron=NEURONS[0]), name, current=False
                )
            sides = self.shapes[source][1:]
            pool = PoolLayer(name=f"{name}_pooled", source=source, kernel=(sides[0], sides[1]))
            ends.append(self._append(pool, source, current=False))
        twice = (ends[0], *ends)  # it needs two sources
        return [*self.layers, ConcatLayer(name="joined", sources=twice)]
