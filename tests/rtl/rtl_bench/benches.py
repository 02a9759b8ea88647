"""The bench of every module."""

from __future__ import annotations

from rtl_bench.accumulator import AccumulatorBench
from rtl_bench.add import AddBench
from rtl_bench.address_rule import AddressRuleBench
from rtl_bench.agents import Bench
from rtl_bench.argmax import ArgmaxBench
from rtl_bench.channelwise import ChannelwiseBench
from rtl_bench.concat import ConcatBench
from rtl_bench.decision import DecisionBench
from rtl_bench.delay import DelayBench
from rtl_bench.event_queue import EventQueueBench
from rtl_bench.fifo import FifoBench
from rtl_bench.fork import ForkBench
from rtl_bench.gate import GateBench
from rtl_bench.neuron import NeuronArrayBench, NeuronBench
from rtl_bench.product import ProductBench
from rtl_bench.rate_encoder import RateEncoderBench
from rtl_bench.resize import ResizeBench
from rtl_bench.rom import RomBench
from rtl_bench.sparse_rows import SparseRowsBench
from rtl_bench.synapse import SynapseBench
from rtl_bench.unrolled import UnrolledBench
from rtl_bench.word_queue import WordQueueBench

BENCHES: dict[str, type[Bench]] = {
    "spikeloom_accumulator": AccumulatorBench,
    "spikeloom_add": AddBench,
    "spikeloom_address_rule": AddressRuleBench,
    "spikeloom_argmax": ArgmaxBench,
    "spikeloom_channelwise": ChannelwiseBench,
    "spikeloom_concat": ConcatBench,
    "spikeloom_decision": DecisionBench,
    "spikeloom_delay": DelayBench,
    "spikeloom_event_queue": EventQueueBench,
    "spikeloom_fifo": FifoBench,
    "spikeloom_fork": ForkBench,
    "spikeloom_gate": GateBench,
    "spikeloom_neuron": NeuronBench,
    "spikeloom_neuron_array": NeuronArrayBench,
    "spikeloom_product": ProductBench,
    "spikeloom_rate_encoder": RateEncoderBench,
    "spikeloom_resize": ResizeBench,
    "spikeloom_rom": RomBench,
    "spikeloom_sparse_rows": SparseRowsBench,
    "spikeloom_synapse": SynapseBench,
    "spikeloom_unrolled": UnrolledBench,
    "spikeloom_word_queue": WordQueueBench,
}
