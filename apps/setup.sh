#!/bin/sh
# Make .venv from requirements.lock, torch first, with the newest Python that runs here, or with PYTHON=python3.12.
# uv does it where it is installed, else pip. A .venv that works is kept, and a changed lock is installed into it.
# Where a driver answers nvidia-smi, what CUDA needs comes with torch (requirements-cuda.lock).
set -eu

MINORS="3.14 3.13 3.12 3.11" # requirements.lock can be installed for these
OURS=.venv/bin/python

has() { command -v "$1" >/dev/null 2>&1; }
stop() { printf 'setup: %s\n  mend: %s\n' "$1" "$2" >&2 && exit 1; }
minor_of() { "$1" -c 'import sys; print("%d.%d" % sys.version_info[:2])' 2>/dev/null || true; } # nothing of a shim that does not run
known() { case " $MINORS " in *" $(minor_of "$1") "*) ;; *) false ;; esac; }
works() { known $OURS && $OURS -m pip --version >/dev/null 2>&1; }

newest() {
    for minor in $MINORS; do
        if known "python$minor"; then echo "python$minor" && return; fi
    done
    stop "none of Python $MINORS runs here" \
        "install one (apt-get install python3-venv, brew install python@3.13, uv python install 3.13), or make setup PYTHON=/its/path"
}

make_venv() { # with the Python $1
    rm -rf .venv
    if has uv; then
        uv venv --quiet --seed --python "$1" .venv # --seed: pip too, for make setup-cluster
    elif "$1" -c 'import ensurepip, venv' 2>/dev/null; then
        "$1" -m venv .venv
    else
        stop "$1 has no venv or no pip (Debian and Ubuntu keep them apart)" "apt-get install python$(minor_of "$1")-venv, or install uv"
    fi
}

install() {
    if has uv; then uv pip install --quiet --python $OURS "$@"; else $OURS -m pip install --quiet "$@"; fi
}

if [ -n "${PYTHON:-}" ]; then
    known "$PYTHON" || stop "PYTHON=$PYTHON is none of Python $MINORS, or does not run" "leave PYTHON out, or name one of these"
elif works; then
    PYTHON=$OURS
else
    PYTHON=$(newest)
fi
if has uv; then tool=uv; else tool=pip; fi
echo "setup: Python $(minor_of "$PYTHON") ($(command -v "$PYTHON")), packages by $tool"

if ! works || [ "$(minor_of $OURS)" != "$(minor_of "$PYTHON")" ]; then make_venv "$PYTHON"; fi
if [ $tool = pip ]; then install --upgrade pip; fi
set -- "$(grep '^torch==' requirements.lock)"
if has nvidia-smi && nvidia-smi >/dev/null 2>&1; then set -- "$@" --requirement requirements-cuda.lock; fi
install "$@"
install --requirement requirements.lock
