"""Trackers: MLflow and TensorBoard, which get a run's curves, figures and models as well."""

from jsl_core.errors import BadSettings
from jsl_core.evaluation.trackers.content import TrackedModel, TrackedRun, Tracker, figures_of

__all__ = ["TrackedModel", "TrackedRun", "Tracker", "figures_of", "open_tracker"]


def open_tracker(setting: str) -> Tracker | None:
    """Open the tracker that a run's setting names; None for an empty one. Nothing is sent yet.

    Args:
        setting: `mlflow:ADDRESS` or `tensorboard:FOLDER`.

    Raises:
        BadSettings: If it names none, or its package is missing.
    """
    kind, _, place = setting.partition(":")
    if not setting:
        return None
    try:
        if kind == "mlflow" and place:
            from jsl_core.evaluation.trackers.mlflow_tracker import MlflowTracker

            return MlflowTracker(place)
        if kind == "tensorboard" and place:
            from jsl_core.evaluation.trackers.tensorboard_tracker import TensorBoardTracker

            return TensorBoardTracker(place)
    except ImportError as error:
        package = "mlflow-skinny" if kind == "mlflow" else "tensorboard"
        raise BadSettings(
            f"tracker {kind}: needs the package {package}; install it with pip install {package}"
        ) from error
    raise BadSettings(f"tracker {setting!r} is none; give mlflow:ADDRESS or tensorboard:FOLDER")
