"""Training beside a loop in the seed's manner, and beside the network's own forward and backward passes.

    python tests/benchmarks/training_speed.py [--backbone resnet18 --size 224]

All in one run, in turns; ratios are what counts.
"""

import argparse
import tempfile
from pathlib import Path

from jsl_core.learning.speed import training_speed

ASKED = {"epoch": 3.0, "bare": 0.9, "frozen": 20.0}
WORDS = {
    "epoch": "times the speed of an epoch in the seed's manner",
    "bare": "of the speed of bare forward and backward passes",
    "frozen": "times the speed of the frozen regime in the seed's manner",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--backbone", default="jslnet")
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--knees", type=int, default=320)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        speed = training_speed(
            Path(folder), given.backbone, given.size, knees=given.knees, rounds=given.rounds
        )
    print(speed)
    for name, ratio in speed.ratios.items():
        print(f"{ratio:6.2f} {WORDS[name]} (asked for: {ASKED[name]:g})")


if __name__ == "__main__":
    main()
