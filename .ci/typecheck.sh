#!/usr/bin/env bash
# Run mypy and insist that it saw the whole package: a green run over one file
# has checked nothing.  Usage: .ci/typecheck.sh MYPY MINIMUM_FILES
set -euo pipefail

mypy=$1
minimum=$2
report=$("$mypy") || {
    printf '%s\n' "$report"
    exit 1
}
printf '%s\n' "$report"
files=$(sed -n 's/.* in \([0-9]*\) source files\{0,1\}$/\1/p' <<<"$report")
if [ "${files:-0}" -lt "$minimum" ]; then
    printf 'mypy checked %s files, fewer than %s: typings/spikeloom has lost a link\n' \
        "${files:-0}" "$minimum" >&2
    exit 1
fi
