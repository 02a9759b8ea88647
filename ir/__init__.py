"""The spike graph: its types, integer semantics, reference executor and files."""

from __future__ import annotations

from spikeloom.ir._activity import Activity, measure_activity
from spikeloom.ir._archive import npz_bytes
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
from spikeloom.ir._files import graph_digest, graph_files, load_graph, save_graph
from spikeloom.ir._graph import (
    Conv2d,
    Dense,
    Encoder,
    Graph,
    Input,
    IntArray,
    Leak,
    LeakTerm,
    Neurons,
    Node,
    Readout,
    ReadoutKind,
    Reset,
    Shape,
    SumPool2d,
    Synapse,
    as_integers,
)
from spikeloom.ir._intervals import Interval
from spikeloom.ir._names import nearest_name
from spikeloom.ir._programs import kill_program, run_program, start_program
from spikeloom.ir._progress import NullProgress, Progress
from spikeloom.ir._shapes import infer_shapes, input_of, per_neuron
from spikeloom.ir._store import write_json, write_whole
from spikeloom.ir._validate import check, is_name, validate
from spikeloom.ir._widths import MembraneWidth, Widths, infer_widths

__all__ = [
    "Activity",
    "BuildError",
    "ConfigError",
    "Conv2d",
    "DataError",
    "Dense",
    "Encoder",
    "Executor",
    "Graph",
    "GraphError",
    "Input",
    "IntArray",
    "Interval",
    "LayerTrace",
    "Leak",
    "LeakTerm",
    "MembraneWidth",
    "Neurons",
    "Node",
    "NullProgress",
    "Progress",
    "Readout",
    "ReadoutKind",
    "Reset",
    "ResourceError",
    "Shape",
    "SpikeloomError",
    "SumPool2d",
    "Synapse",
    "ToolError",
    "Trace",
    "VerificationError",
    "Widths",
    "as_integers",
    "check",
    "encode",
    "graph_digest",
    "graph_files",
    "infer_shapes",
    "infer_widths",
    "input_of",
    "is_name",
    "kill_program",
    "lfsr_states",
    "load_graph",
    "measure_activity",
    "nearest_name",
    "npz_bytes",
    "per_neuron",
    "rate_noise",
    "run_program",
    "save_graph",
    "start_program",
    "validate",
    "write_json",
    "write_whole",
]
