"""One regime on all GPUs that this process sees: a team that torchrun starts, or this process alone."""

import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import torch

from jsl_core import errors
from jsl_core.config import Regime, TrainingSettings
from jsl_core.learning.regimes.train_regime import train_regime
from jsl_core.learning.regimes.trainer import EpochReport

__all__ = ["train_on_all_gpus"]

_GRACE_SECONDS = 10


def train_on_all_gpus(
    regime: Regime,
    dataset: Path,
    settings: TrainingSettings,
    out: Path,
    parent: Path | None = None,
    checkpoints: Path | None = None,
    progress: Callable[[EpochReport], None] | None = None,
    fold: int | None = None,
    features: Path | None = None,
    members: int = 0,
) -> None:
    """`train_regime`, by as many processes as there are GPUs (or `members`); what it raises is raised here.

    `CUDA_VISIBLE_DEVICES` tells which GPUs there are. Where this process dies the team ends at its next
    epoch, which it has no one to tell of.
    """
    members = members or (1 if settings.device == "cpu" else torch.cuda.device_count())
    if members < 2:
        train_regime(
            regime,
            dataset,
            settings,
            out,
            parent=parent,
            checkpoints=checkpoints,
            progress=progress,
            fold=fold,
            features=features,
        )
        return
    paths = {"dataset": dataset, "out": out, "parent": parent, "checkpoints": checkpoints}
    order = {
        "regime": regime,
        "settings": settings.model_dump(mode="json"),
        "fold": fold,
        "paths": {name: path and str(path) for name, path in (paths | {"features": features}).items()},
    }
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", f"--nproc-per-node={members}"]
    team = subprocess.Popen(
        [*torchrun, "-m", "jsl_core.learning.regimes.ddp_worker", json.dumps(order)],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert team.stdout is not None
        for line in team.stdout:
            if not line.startswith("{"):  # a library's greeting
                sys.stderr.write(line)
                continue
            said = json.loads(line)
            if "error" in said:
                kind, sentence = said["error"]
                raise getattr(errors, kind)(sentence)
            if progress is not None:
                progress(EpochReport(**said))
        if code := team.wait():
            raise errors.JslError(
                f"training {regime} on {members} GPUs ended with code {code}; what torchrun said is above"
            )
    finally:
        _end(team)


def _end(team: "subprocess.Popen[str]") -> None:
    if team.poll() is None:
        team.terminate()
        try:
            team.wait(_GRACE_SECONDS)
        except subprocess.TimeoutExpired:
            team.kill()
            team.wait()
    if team.stdout is not None:
        team.stdout.close()
