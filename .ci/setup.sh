#!/usr/bin/env bash
# Make the virtual environment that the Makefile uses, step by step.
#
# Every step leaves a stamp, so that a repeated run is quick and an interrupted
# one goes on where it stopped.  Usage: .ci/setup.sh [VENV_FOLDER]
set -euo pipefail

cd "$(dirname "$0")/.."
venv=${1:-.venv}
stamps=$venv/.spikeloom

say() { printf '[setup] %s\n' "$*" >&2; }

fail() {
    printf '\n[setup] %s\n' "$@" >&2
    exit 1
}

# A command called python3.12 may exist and not run (version managers), and a
# system Python may lack the module that makes environments: try, do not look.
usable_python() {
    "$1" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' >/dev/null 2>&1
}

find_python() {
    local candidate
    for candidate in ${PYTHON:-} python3.13 python3.12 python3.11 python3; do
        if usable_python "$candidate"; then
            printf '%s\n' "$candidate"
            return
        fi
    done
    fail "Python 3.11 or newer, with its venv module, is missing." \
        "Debian, Ubuntu: apt install python3 python3-venv.  Fedora: dnf install python3." \
        "macOS: brew install python.  Or name one: make PYTHON=/path/to/python3.12 ..."
}

check_compiler() {
    command -v "$1" >/dev/null && return
    fail "$1 is missing; the RTL simulation is compiled with it." \
        "Debian, Ubuntu: apt install g++ make.  Fedora: dnf install gcc-c++ make." \
        "macOS: xcode-select --install."
}

# done_with STEP TEXT: whether STEP was finished for exactly this TEXT.
done_with() { [ -f "$stamps/$1" ] && [ "$(cat "$stamps/$1")" = "$2" ]; }

mark() {
    mkdir -p "$stamps"
    printf '%s\n' "$2" >"$stamps/$1"
}

make_environment() {
    local python
    python=$(find_python)
    if usable_python "$venv/bin/python" && "$venv/bin/python" -m pip --version >/dev/null 2>&1; then
        say "using $venv ($("$venv/bin/python" --version))"
    else
        say "making $venv with $("$python" --version)"
        "$python" -m venv --clear "$venv"
    fi
    mark environment ok
}

install_requirements() {
    say "installing the pinned packages (about 2 GB with PyTorch; a few minutes the first time)"
    "$venv/bin/python" -m pip install --disable-pip-version-check --progress-bar off \
        --requirement requirements.lock | sed -u -n -e 's/^\(Collecting [^ ]*\).*/[setup]   \1/p' \
        -e 's/^\(Installing collected\|Successfully\).*/[setup]   \1 .../p' >&2 ||
        fail "The packages could not be installed; see above.  What was done is kept:" \
            "check the network and the free disk space (4 GB), then run the same command again."
    mark requirements "$1"
}

install_package() {
    say "installing spikeloom itself (editable)"
    "$venv/bin/python" -m pip install --disable-pip-version-check --quiet \
        --no-deps --no-build-isolation --editable .
    mark package "$1"
}

# The YoWASP tools are WebAssembly: the first start of each compiles it.
warm_up_tools() {
    local tool
    say "Yosys takes about a minute and 2 GB of memory for that, nextpnr a few seconds"
    for tool in yosys nextpnr-ecp5 nextpnr-ice40 nextpnr-himbaechel-gowin; do
        say "preparing yowasp-$tool (once)"
        "$venv/bin/yowasp-$tool" --version >/dev/null 2>&1 ||
            fail "yowasp-$tool does not start; see $venv/bin/yowasp-$tool --version." \
                "Make room (2 GB of memory, 1 GB in the home folder) and run this again."
    done
    mark tools "$1"
}

check_compiler g++
check_compiler make
done_with environment ok && [ -x "$venv/bin/python" ] || make_environment

lock=$(cksum <requirements.lock)
done_with requirements "$lock" || install_requirements "$lock"

package=$(cat pyproject.toml src/spikeloom/__init__.py | cksum)
done_with package "$package:$PWD" || install_package "$package:$PWD"

done_with tools "$lock" || warm_up_tools "$lock"
