"""Train on a machine that has a packed dataset and little else: `python -m jsl_core.learning`.

On several GPUs: `torchrun --nproc-per-node 4 -m jsl_core.learning …`; every batch is shared among them.
"""

import argparse
import sys
from pathlib import Path
from typing import get_args

from jsl_core.config import Regime, TrainingSettings
from jsl_core.config.training_presets import training_preset
from jsl_core.errors import JslError
from jsl_core.learning.regimes.folds import gather_folds
from jsl_core.learning.regimes.risk_factors import train_risk_factors
from jsl_core.learning.regimes.train_regime import train_regime
from jsl_core.learning.regimes.trainer import EpochReport
from jsl_core.training.process_group import ProcessGroup


def main(arguments: list[str] | None = None) -> int:
    """Train the named regimes, parents first, into one folder each; a second call goes on where it ended."""
    parser = argparse.ArgumentParser(prog="python -m jsl_core.learning", description=__doc__)
    parser.add_argument("dataset", type=Path, help="folder made by the pack stage")
    parser.add_argument("out", type=Path, help="folder for the bundles")
    parser.add_argument("--regimes", nargs="+", choices=[*get_args(Regime), "risk-factors"])
    parser.add_argument("--preset", choices=["demo", "seed", "best", "kl"], default="best")
    parser.add_argument("--folds", type=int, help="cross-validate so many times, instead of the one split")
    parser.add_argument("--settings", type=Path, help="JSON file of training settings, instead of a preset")
    given = parser.parse_args(arguments)
    try:
        settings = training_preset(given.preset)
        if given.settings:
            settings = TrainingSettings.model_validate_json(given.settings.read_text())
        if given.folds is not None:
            settings = TrainingSettings.model_validate(settings.model_dump() | {"folds": given.folds})
        group = ProcessGroup.join()
        for regime in given.regimes or _default(settings):
            if not settings.folds:
                _train(regime, given.dataset, settings, given.out, group)
            else:
                _train_folds(regime, given.dataset, settings, given.out, group)
    except (JslError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _default(settings: TrainingSettings) -> list[str]:
    baseline = ["risk-factors"] if settings.baseline and settings.factors != "none" else []
    return [*settings.wanted(), *baseline]


def _train_folds(regime: str, dataset: Path, settings: TrainingSettings, out: Path, group: ProcessGroup) -> None:
    """Every fold's bundles in a folder of their own; in `out` what they say of knees they had not seen."""
    places = [out / f"fold-{number + 1}" for number in range(settings.folds)]
    for fold, place in enumerate(places):
        _train(regime, dataset, settings, place, group, fold)
    if group.is_main:
        gather_folds([place / regime for place in places], dataset, out / regime)


def _train(
    regime: str, dataset: Path, settings: TrainingSettings, out: Path, group: ProcessGroup, fold: int | None = None
) -> None:
    if group.broadcast((out / regime / "bundle.json").exists()):
        if group.is_main:
            print(f"{out / regime}: done before")
        return
    if regime == "risk-factors":
        if group.is_main:
            train_risk_factors(dataset, settings, out / regime, fold)
        return
    name: Regime = regime  # type: ignore[assignment]  # argparse let nothing else through

    def tell(report: EpochReport) -> None:
        print(f"{out / regime} {report.epoch}/{report.epochs}: {report}, {report.seconds:.1f} s", flush=True)

    parent = settings.parent_of(name)
    if parent is not None:
        _train(parent, dataset, settings, out, group, fold)
    train_regime(
        name,
        dataset,
        settings,
        out / regime,
        parent=out / parent if parent else None,
        checkpoints=out / ".checkpoints" / regime,
        progress=tell,
        group=group,
        fold=fold,
        features=out / ".features",
    )
    group.wait()  # none starts from a bundle that the first has not finished


if __name__ == "__main__":
    sys.exit(main())
