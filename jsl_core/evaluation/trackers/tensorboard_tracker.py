"""Runs for TensorBoard: a folder for each model with its curves and figures, and where its files lie."""

import shutil
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter

from jsl_core.evaluation.trackers.content import TrackedModel, TrackedRun

__all__ = ["TensorBoardTracker"]

_TEMPORARY = ".writing"  # a run appears under its name when it is whole


class TensorBoardTracker:
    """Writes runs below a folder, for `tensorboard --logdir FOLDER`."""

    def __init__(self, folder: str) -> None:
        """Open a tracker; nothing is made yet."""
        self._folder = Path(folder)

    def send(self, run: TrackedRun) -> str:
        """Write a run and its models; one that is there stays as it is."""
        place = self._folder / run.name
        if not place.exists():
            unfinished = self._folder / f"{_TEMPORARY}-{run.name}"
            shutil.rmtree(unfinished, ignore_errors=True)
            for model in run.models:
                _write_model(unfinished / model.regime, run, model)
            unfinished.rename(place)
        return f"TensorBoard, {place}"


def _write_model(folder: Path, run: TrackedRun, model: TrackedModel) -> None:
    with SummaryWriter(folder) as writer:
        for row in model.curves.to_dict("records"):
            for name, value in row.items():
                if name not in ("epoch", "kept") and value == value:
                    writer.add_scalar(f"curves/{name}", float(value), int(row["epoch"]))
        for name, value in model.figures.items():
            writer.add_scalar(f"figures/{name}", value, 0)
        lines = [f"| {name} | {value} |" for name, value in {**run.facts, "model": model.digest}.items()]
        writer.add_text("run", "\n".join(["| | |", "|---|---|", *lines]))
        settings = [f"| {name} | {value} |" for name, value in run.settings.items()]
        writer.add_text("settings", "\n".join(["| | |", "|---|---|", *settings]))
