"""Train on a machine that has a packed dataset and little else: `python -m jsl_core.learning`.

On several GPUs: `torchrun --nproc-per-node 4 -m jsl_core.learning …`; every batch is shared among them.
"""

import argparse
import json
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

from pydantic import ValidationError

from jsl_core.config import Regime, TrainingSettings, describe_validation_error
from jsl_core.config.tables import read_table
from jsl_core.config.training_presets import training_preset
from jsl_core.errors import BadSettings, JslError
from jsl_core.learning.regimes.folds import gather_folds
from jsl_core.learning.regimes.job import TrainingJob
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
    options = parser.parse_args(arguments)
    try:
        settings = training_preset(options.preset)
        if options.settings:
            table = read_table(TrainingSettings, _read_json(options.settings), options.settings.parent)
            settings = TrainingSettings.model_validate(table)
        if options.folds is not None:
            settings = TrainingSettings.model_validate(settings.model_dump() | {"folds": options.folds})
        group = ProcessGroup.join()
        for regime in options.regimes or _default_regimes(settings):
            if not settings.folds:
                _train(regime, options.dataset, settings, options.out, group)
            else:
                _cross_validate(regime, options.dataset, settings, options.out, group)
    except ValidationError as error:
        where = f"{options.settings}: " if options.settings else ""
        print(f"error: {where}{describe_validation_error(error)}", file=sys.stderr)
        return 1
    except (JslError, OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    return 0


def _read_json(file: Path) -> dict[str, Any]:
    try:
        table = json.loads(file.read_bytes())
    except (ValueError, RecursionError) as error:
        raise BadSettings(f"{file}: Invalid JSON ({error}); mend that line") from None
    if not isinstance(table, dict):
        raise BadSettings(f"{file}: Invalid JSON (no object of settings); write one")
    return table


def _default_regimes(settings: TrainingSettings) -> list[str]:
    baseline = ["risk-factors"] if settings.baseline and settings.factors != "none" else []
    return [*settings.regimes_to_train(), *baseline]


def _cross_validate(
    regime: str, dataset: Path, settings: TrainingSettings, out: Path, group: ProcessGroup
) -> None:
    """Every fold's bundles in a folder of their own; in `out` their predictions of knees they did not see."""
    folders = [out / f"fold-{number + 1}" for number in range(settings.folds)]
    for fold, folder in enumerate(folders):
        _train(regime, dataset, settings, folder, group, fold)
    if group.is_main:
        gather_folds([folder / regime for folder in folders], dataset, out / regime)


def _train(
    name: str,
    dataset: Path,
    settings: TrainingSettings,
    out: Path,
    group: ProcessGroup,
    fold: int | None = None,
) -> None:
    """Train a regime or the baseline, after the regimes it starts from; what is done is left."""
    if group.broadcast((out / name / "bundle.json").exists()):
        if group.is_main:
            print(f"{out / name}: done before")
        return
    if name == "risk-factors":
        if group.is_main:
            train_risk_factors(dataset, settings, out / name, fold)
        return
    regime: Regime = name  # type: ignore[assignment]  # argparse let nothing else through

    def print_report(report: EpochReport) -> None:
        print(f"{out / regime} {report.epoch}/{report.epochs}: {report}, {report.seconds:.1f} s", flush=True)

    job = TrainingJob(
        regime,
        dataset,
        settings,
        out / regime,
        fold=fold,
        checkpoints=out / ".checkpoints" / regime,
        features=out / ".features",
    )
    parent = settings.parent_of(regime)
    if parent is not None:
        _train(parent, dataset, settings, out, group, fold)
        job = replace(job, parent=out / parent)
    train_regime(job, print_report, group)
    group.wait()  # none starts from a bundle that the main process has not finished


if __name__ == "__main__":
    sys.exit(main())
