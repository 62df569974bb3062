"""Learning curves for TensorBoard, where it is installed."""

from pathlib import Path

from jsl_core.learning.regimes.trainer import EpochReport, Progress

__all__ = ["TensorBoardProgress"]


class TensorBoardProgress:
    """Writes every epoch's report to `folder` as TensorBoard reads it, then passes it on to `progress`.

    A resumed run goes on in the same folder; without TensorBoard, or with None, nothing is written.
    """

    def __init__(self, folder: Path | None, progress: Progress | None) -> None:
        self._progress = progress
        self._writer = None
        if folder is not None:
            try:
                from torch.utils.tensorboard import SummaryWriter
            except ImportError:
                return
            self._writer = SummaryWriter(folder)

    def __call__(self, report: EpochReport) -> None:
        """Write one epoch's report, and pass it on."""
        if self._writer is not None:
            self._writer.add_scalars(
                "loss", {"train": report.train_loss, "val": report.val_loss}, report.epoch
            )
            for name, value in report.scores.items():
                self._writer.add_scalar(f"val/{name}", value, report.epoch)
            self._writer.add_scalar("lr", report.lr, report.epoch)
            self._writer.flush()
        if self._progress is not None:
            self._progress(report)
