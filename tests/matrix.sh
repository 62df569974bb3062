#!/usr/bin/env bash
# Sdist and wheel away from the checkout: for each Python a fresh environment with the constraints, and one with the
# newest of everything, in which the installed jsl runs a small pipeline in a folder of hostile modules and settings.
# Each takes some 6 GB of disk for a while.
#   PYTHONS="python3.11 python3.12 python3.13"   those that are missing are named and left out
#   VERSIONS="constraints newest"                or present: on the packages of the Python named, which costs little
#   WHOLE=1                                      also jsl demo, minutes each
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
builder=${BUILDER:-python3}

"$builder" -m venv "$work/build"
"$work/build/bin/python" -m pip install --quiet --disable-pip-version-check build
"$work/build/bin/python" -m build --outdir "$work/dist" . >"$work/build.log" || { tail -5 "$work/build.log"; exit 1; }
wheel=$(echo "$work"/dist/*.whl)  # made from the sdist, so both hold all that is needed
echo "built $(basename "$wheel")"

# An environment in $work/env in which the wheel is installed.
install() {
    local python=$1 versions=$2 options=()
    case $versions in
        constraints) options=(--constraint "$root/constraints.txt") ;;
        newest) ;;
        present) options=(--no-deps) ;;
        *) echo "VERSIONS: $versions is unknown" >&2; return 1 ;;
    esac
    "$python" -m venv "$work/env" || return 1
    if [ "$versions" = present ]; then
        "$python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))' \
            >"$("$work/env/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/present.pth"
    fi
    "$work/env/bin/python" -m pip install --quiet --disable-pip-version-check "${options[@]}" "$wheel"
}

# What the installed jsl does in a folder whose modules and settings nobody may believe.
try() {
    local jsl=$work/env/bin/jsl
    mkdir "$work/empty" "$work/empty/flows" "$work/empty/tasks"
    cd "$work/empty"
    tee flows/__init__.py tasks/__init__.py calendar.py <<<'raise SystemExit("imported from the current folder")' >/dev/null
    printf '[api]\nurl = "http://127.0.0.1:9/api"\n' >prefect.toml
    "$jsl" --version &&
        "$jsl" demo --help >/dev/null &&
        "$jsl" phantom films --patients 12 --long-side 400 500 >/dev/null &&
        "$jsl" score films/scans --jobs 1 >/dev/null &&
        "$jsl" run --scans films/scans --cohort films/JSL.csv --preset demo --max-rejected 1 --pack.size 32 \
            --training.regimes kl --training.kl.epochs 1 --evaluate.bootstrap 20 --evaluate.gallery 0 >/dev/null &&
        if [ -n "${WHOLE:-}" ]; then "$jsl" demo; fi
}

passed=0 failed=0
for python in ${PYTHONS:-python3.11 python3.12 python3.13}; do
    if ! "$python" -c '' 2>/dev/null; then
        echo "$python: not here"
        continue
    fi
    for versions in ${VERSIONS:-constraints newest}; do
        name="$("$python" -c 'import platform; print(platform.python_version())') $versions"
        rm -rf "$work/env" "$work/empty"
        if install "$python" "$versions" && (try); then
            prefect=$("$work/env/bin/python" -P -c 'from importlib.metadata import version; print(version("prefect"))')
            echo "$name: works, with Prefect $prefect"
            passed=$((passed + 1))
        else
            echo "$name: FAILED" >&2
            failed=$((failed + 1))
        fi
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
