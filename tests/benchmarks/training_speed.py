"""Training beside a loop in the seed's manner and beside bare passes, over networks and precisions.

    python tests/benchmarks/training_speed.py [--backbones jslnet resnet18 --precisions fp32 bf16 --size 112]

Each row is measured in turns, and its ratios are what counts:

- seed: PIL, torchvision's transforms, a DataLoader, full precision; times as fast is an epoch of training;
- bare: forward and backward passes of as many images that lie ready in memory; share of that speed reached;
- frozen: times as fast as in the seed's manner is a training of a head on a CNN that is held.

Then the shares of a training step: data is indexing and augmentation; the rest is what its name says.
"""

import tempfile
from dataclasses import asdict
from pathlib import Path

import torch
from results import bars, keep, options, show
from training_loops import PHASES, training_speed


def main() -> None:
    parser = options(__doc__, "training_speed")
    parser.add_argument("--backbones", nargs="+", default=["jslnet", "resnet18", "mobilenet_v3_small"])
    parser.add_argument("--precisions", nargs="+", choices=["auto", "fp32", "bf16"], default=["fp32", "bf16"])
    parser.add_argument("--size", type=int, default=112)
    parser.add_argument("--knees", type=int, default=160)
    parser.add_argument("--batch", type=int, default=16)
    parser.add_argument("--rounds", type=int, default=3)
    chosen = parser.parse_args()
    speeds = []
    for backbone in chosen.backbones:
        for precision in chosen.precisions:
            with tempfile.TemporaryDirectory() as folder:
                speeds.append(
                    training_speed(
                        Path(folder),
                        backbone,
                        precision,
                        chosen.size,
                        chosen.knees,
                        chosen.batch,
                        chosen.rounds,
                    )
                )
    device = torch.cuda.get_device_name() if torch.cuda.is_available() else "processor"
    print(f"{chosen.knees} knees of {chosen.size} pixels, batches of {chosen.batch}, on {device}")
    show(
        (
            "network",
            "precision",
            "epoch, s",
            "× seed",
            "of bare",
            "× frozen",
            *(f"{name}, %" for name in PHASES),
        ),
        [
            (
                speed.backbone,
                speed.precision,
                speed.epoch,
                *(speed.ratios[name] for name in ("epoch", "bare", "frozen")),
                *(100 * speed.shares[name] for name in PHASES),
            )
            for speed in speeds
        ],
    )
    given = {name: value for name, value in vars(chosen).items() if name != "out"}
    names = [f"{speed.backbone}\n{speed.precision}" for speed in speeds]
    ratios = bars(
        "An epoch",
        names,
        {"× seed's manner": [speed.ratios["epoch"] for speed in speeds],
         "share of bare speed": [speed.ratios["bare"] for speed in speeds]},
        "ratio",
    )  # fmt: skip
    shares = bars(
        "A training step",
        names,
        {name: [100 * speed.shares[name] for speed in speeds] for name in PHASES},
        "% of its time",
    )
    figures = {"device": device, **given, "rows": [asdict(speed) | speed.ratios for speed in speeds]}
    keep(chosen.out, figures, ratios, shares, width=11, height=1.5 + 0.8 * len(speeds))


if __name__ == "__main__":
    main()
