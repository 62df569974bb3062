"""`jsl crop` and `jsl detector`: joints from plain folders, and the detector that finds them."""

from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import App

from flows.cli.options import Flat
from flows.cli.terminal import Bars
from jsl_core.config import CropSettings, DetectorTrainSettings, SideTrainSettings
from jsl_core.system.parallel import warm_up_workers

if TYPE_CHECKING:
    from jsl_core.detection.training.side_metrics import SideAccuracy

__all__ = ["crop", "detector", "evaluate", "evaluate_side", "export", "train", "train_pose", "train_side"]

detector = App(
    name="detector", help="Train, measure and export the joint detector, and what tells right from left."
)


def crop(
    src: Path,
    dst: Path,
    *,
    full_film: bool = False,
    overlay: bool = False,
    jobs: int = 0,
    settings: Annotated[CropSettings, Flat] = CropSettings(),
) -> None:
    """Crop the knee joints of a folder of PNG, JPEG or DICOM files; writes PNGs and boxes.csv.

    Args:
        src: Folder or archive of pictures, one knee each.
        dst: Folder for the crops, boxes.csv and overlays.
        full_film: The pictures are unsplit films: find both knees.
        overlay: Also write each picture with its boxes drawn.
        jobs: Worker processes; 0: one per processor core.
    """
    if jobs != 1:
        warm_up_workers("jsl_core.detection.folder")
    from jsl_core.detection.folder import CropJob, crop_folder

    with Bars() as bars:
        job = CropJob(dst, settings, full_film, overlay)
        boxes = crop_folder(src, job, jobs, bars.callback("pictures"))
    reasons = [row["reason"] for row in boxes]
    joints, duplicates = reasons.count(""), reasons.count("duplicate")
    also = f", {duplicates} joints of an ID that was taken" if duplicates else ""
    print(f"{joints} joints, {len(boxes) - joints - duplicates} pictures without{also}: {dst / 'boxes.csv'}")


@detector.command
def train(
    dst: Path,
    *,
    settings: Annotated[DetectorTrainSettings, Flat] = DetectorTrainSettings(),
) -> None:
    """Train a detector on phantoms, composites or films of your own; goes on where it was stopped.

    Args:
        dst: Folder for detector.cfg, detector.safetensors, metrics.json and the checkpoint.
    """
    from jsl_core.detection.training.sources import open_sources
    from jsl_core.detection.training.train import train_detector

    sampler, validation = open_sources(settings)
    train_detector(sampler, validation, settings, dst, _print_epoch)


@detector.command
def evaluate(
    images: Path,
    *,
    boxes: str = "",
    settings: Annotated[CropSettings, Flat] = CropSettings(),
) -> None:
    """Measure a detector, the shipped one by default, on films with known boxes.

    Args:
        images: Folder of films.
        boxes: CSV file,x1,y1,x2,y2 in pixels; empty: YOLO text files beside the films.
    """
    from jsl_core.detection import JointDetector
    from jsl_core.detection.training.sources import read_boxed_films
    from jsl_core.detection.training.train import evaluate_detector

    metrics = evaluate_detector(JointDetector.load(settings).detector, read_boxed_films(images, boxes))
    for name, value in asdict(metrics).items():
        print(f"{name:<14}{value:.4f}")


@detector.command
def export(
    dst: Path,
    *,
    format: Literal["darknet", "onnx"] = "darknet",
    settings: Annotated[CropSettings, Flat] = CropSettings(),
) -> None:
    """Write a detector, the shipped one by default, for Darknet and OpenCV, or as ONNX.

    Args:
        dst: Folder for knee.cfg and knee.weights, or knee.onnx.
        format: Which of the two.
    """
    from jsl_core.detection.detector import load_chosen_model
    from jsl_core.detection.export import export_detector

    for path in export_detector(load_chosen_model(settings), dst, format):
        print(path)


@detector.command
def train_side(
    dst: Path,
    crops: Path,
    *,
    settings: Annotated[SideTrainSettings, Flat] = SideTrainSettings(),
) -> None:
    """Train the network that tells right knees from left ones; goes on where it was stopped.

    Args:
        dst: Folder for side.safetensors, metrics.json and the checkpoint.
        crops: Cohort table (ID, Img_path, split) of joint crops, none of them mirrored. One in ten
            participants of its train split only decides below which confidence a side is unknown.
    """
    from jsl_core.detection.training.side import train_side
    from jsl_core.detection.training.side_crops import read_side_crops

    train_side(
        read_side_crops(crops, "train"), read_side_crops(crops, "threshold"), settings, dst, _print_epoch
    )


@detector.command
def train_pose(dst: Path, crops: Path, *, patches: int = 16_000, epochs: int = 9, seed: int = 0) -> None:
    """Train the network that tells negatives, and films on their heads, from others; writes pose.safetensors.

    Args:
        dst: Folder for pose.safetensors.
        crops: Cohort table (ID, Img_path, split) of joint crops.
        patches: How many joints are drawn.
        epochs: How often each is shown.
        seed: Of all that is random.
    """
    from jsl_core.detection.half_precision import save_half_precision
    from jsl_core.detection.tensors import weights_of
    from jsl_core.detection.training.pose import draw_patches, train_pose

    training_patches = draw_patches(patches, crops, "train", seed)
    network = train_pose(
        training_patches,
        epochs,
        seed,
        lambda epoch, loss: print(f"epoch {epoch + 1}  loss {loss:.4f}", flush=True),
    )
    save_half_precision(weights_of(network), dst / "pose.safetensors")


@detector.command
def evaluate_side(
    crops: Path,
    *,
    split: str = "val",
    weights: str = "",
) -> None:
    """Measure how often the side read from a knee's picture is right, in several ways of showing it.

    Args:
        crops: Cohort table (ID, Img_path, split) of joint crops, none of them mirrored.
        split: Which of the table's splits; threshold: the part of train that no training learns from.
        weights: A network of your own, side.safetensors; empty for the shipped one.
    """
    from jsl_core.detection.side import SHIPPED_SIDE, SideReader
    from jsl_core.detection.training.side_crops import read_side_crops
    from jsl_core.detection.training.side_metrics import VIEWS, measure_side

    reader = SideReader.load(Path(weights) if weights else SHIPPED_SIDE)
    known = read_side_crops(crops, split)
    for name, view in VIEWS.items():
        readings = reader.read([view(crop.pixels) for crop in known])
        print(_describe_accuracy(name, measure_side(known, readings)))
    readings = reader.read([crop.pixels for crop in known])
    for grade in sorted({crop.grade for crop in known} - {""}):
        chosen = [pair for pair in zip(known, readings, strict=True) if pair[0].grade == grade]
        print(_describe_accuracy(f"KL {grade}", measure_side(*zip(*chosen, strict=True))))


def _describe_accuracy(name: str, result: "SideAccuracy") -> str:
    right, low, high = (100 * share for share in (result.accuracy, result.low, result.high))
    return (
        f"{name:<26}{result.knees} knees of {result.participants} participants  "
        f"unknown {result.unknown}  wrong {result.wrong}  "
        f"right {right:.2f} % of those decided ({low:.2f} to {high:.2f})"
    )


def _print_epoch(row: dict[str, float]) -> None:
    print("  ".join(f"{name} {value:.4g}" for name, value in row.items()), flush=True)
