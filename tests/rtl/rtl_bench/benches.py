"""The bench of every module."""

from __future__ import annotations

from rtl_bench.accumulator import AccumulatorBench
from rtl_bench.address_rule import AddressRuleBench
from rtl_bench.agents import Bench
from rtl_bench.argmax import ArgmaxBench
from rtl_bench.event_queue import EventQueueBench
from rtl_bench.fifo import FifoBench
from rtl_bench.layer import LayerBench
from rtl_bench.neuron import NeuronBench
from rtl_bench.rate_encoder import RateEncoderBench
from rtl_bench.rom import RomBench
from rtl_bench.synapse import SynapseBench

BENCHES: dict[str, type[Bench]] = {
    "spikeloom_accumulator": AccumulatorBench,
    "spikeloom_address_rule": AddressRuleBench,
    "spikeloom_argmax": ArgmaxBench,
    "spikeloom_event_queue": EventQueueBench,
    "spikeloom_fifo": FifoBench,
    "spikeloom_layer": LayerBench,
    "spikeloom_neuron": NeuronBench,
    "spikeloom_rate_encoder": RateEncoderBench,
    "spikeloom_rom": RomBench,
    "spikeloom_synapse": SynapseBench,
}
