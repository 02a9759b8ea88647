"""The spike graph: its types, integer semantics, reference executor and files."""

from __future__ import annotations

from spikeloom.ir._activity import Activity, SynapseActivity, measure_activity, synapse_activity
from spikeloom.ir._archive import npz_bytes
from spikeloom.ir._early import EXACT, EarlyRule, early_rule, with_early
from spikeloom.ir._encode import encode, lfsr_states, rate_noise
from spikeloom.ir._errors import (
    BuildError,
    ConfigError,
    DataError,
    GraphError,
    ResourceError,
    SpikeloomError,
    ToolError,
    VerificationError,
)
from spikeloom.ir._execute import Executor, LayerTrace, Trace
from spikeloom.ir._fan_out import dense_operations, fan_out, pools_before
from spikeloom.ir._files import graph_digest, graph_files, load_graph, save_graph
from spikeloom.ir._graph import (
    Add,
    Concat,
    Conv2d,
    Delay,
    Dense,
    Early,
    Encoder,
    Graph,
    Input,
    IntArray,
    Leak,
    LeakTerm,
    MaxPool2d,
    MixAxis,
    Neurons,
    Node,
    Product,
    Readout,
    ReadoutKind,
    Reset,
    Shape,
    SumPool2d,
    Synapse,
    TokenMix,
    as_integers,
    sources_of,
)
from spikeloom.ir._intervals import Interval
from spikeloom.ir._joints import added, concatenated, delayed, pooled, value_type
from spikeloom.ir._kinds import Kind, infer_kinds
from spikeloom.ir._layers import layer_of
from spikeloom.ir._membranes import MembraneWidth
from spikeloom.ir._names import nearest_name
from spikeloom.ir._order import reached_from, readers_of
from spikeloom.ir._programs import kill_program, run_program, start_program
from spikeloom.ir._progress import NullProgress, Progress
from spikeloom.ir._shapes import infer_shapes, input_of, per_neuron, pool_stride, readout_of
from spikeloom.ir._store import write_json, write_whole
from spikeloom.ir._validate import check, is_name, validate
from spikeloom.ir._widths import Widths, infer_widths
from spikeloom.ir._wiring import is_address_rule
from spikeloom.ir._without import without_neurons

__all__ = [
    "EXACT",
    "Activity",
    "Add",
    "BuildError",
    "Concat",
    "ConfigError",
    "Conv2d",
    "DataError",
    "Delay",
    "Dense",
    "Early",
    "EarlyRule",
    "Encoder",
    "Executor",
    "Graph",
    "GraphError",
    "Input",
    "IntArray",
    "Interval",
    "Kind",
    "LayerTrace",
    "Leak",
    "LeakTerm",
    "MaxPool2d",
    "MembraneWidth",
    "MixAxis",
    "Neurons",
    "Node",
    "NullProgress",
    "Product",
    "Progress",
    "Readout",
    "ReadoutKind",
    "Reset",
    "ResourceError",
    "Shape",
    "SpikeloomError",
    "SumPool2d",
    "Synapse",
    "SynapseActivity",
    "TokenMix",
    "ToolError",
    "Trace",
    "VerificationError",
    "Widths",
    "added",
    "as_integers",
    "check",
    "concatenated",
    "delayed",
    "dense_operations",
    "early_rule",
    "encode",
    "fan_out",
    "graph_digest",
    "graph_files",
    "infer_kinds",
    "infer_shapes",
    "infer_widths",
    "input_of",
    "is_address_rule",
    "is_name",
    "kill_program",
    "layer_of",
    "lfsr_states",
    "load_graph",
    "measure_activity",
    "nearest_name",
    "npz_bytes",
    "per_neuron",
    "pool_stride",
    "pooled",
    "pools_before",
    "rate_noise",
    "reached_from",
    "readers_of",
    "readout_of",
    "run_program",
    "save_graph",
    "sources_of",
    "start_program",
    "synapse_activity",
    "validate",
    "value_type",
    "with_early",
    "without_neurons",
    "write_json",
    "write_whole",
]
