#!/usr/bin/env bash
# Sdist and wheel away from the checkout: for each Python a fresh environment with the constraints, and one with the
# newest of everything, in which the installed jsl works in an empty folder. Each takes some 6 GB of disk for a while.
#   PYTHONS="python3.11 python3.12 python3.13"   those that are missing are named and left out
#   VERSIONS="constraints newest"
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

passed=0 failed=0
for python in ${PYTHONS:-python3.11 python3.12 python3.13}; do
    if ! "$python" -c '' 2>/dev/null; then
        echo "$python: not here"
        continue
    fi
    for versions in ${VERSIONS:-constraints newest}; do
        name="$("$python" -c 'import platform; print(platform.python_version())') $versions"
        rm -rf "$work/env" "$work/empty"
        mkdir "$work/empty"
        pins=()
        if [ "$versions" = constraints ]; then pins=(--constraint "$root/constraints.txt"); fi
        if "$python" -m venv "$work/env" &&
            "$work/env/bin/python" -m pip install --quiet --disable-pip-version-check "${pins[@]}" "$wheel" &&
            cd "$work/empty" &&
            "$work/env/bin/jsl" --version &&
            "$work/env/bin/jsl" demo --help >/dev/null &&
            "$work/env/bin/jsl" phantom films --patients 2 >/dev/null &&
            "$work/env/bin/jsl" score films/scans --jobs 1 >/dev/null &&
            if [ -n "${WHOLE:-}" ]; then "$work/env/bin/jsl" demo; fi; then
            echo "$name: works, with Prefect $("$work/env/bin/prefect" --version)"
            passed=$((passed + 1))
        else
            echo "$name: FAILED" >&2
            failed=$((failed + 1))
        fi
        cd "$root"
    done
done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
