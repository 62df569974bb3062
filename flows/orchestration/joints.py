"""Buckets of scans to joints: the stages that work on scans one by one."""

from prefect import unmapped

from flows.orchestration.task_runners import use_dask_cluster
from jsl_core.config import PipelineSettings
from jsl_core.review.corrections import load_corrections
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.convert import convert
from tasks.crop import crop
from tasks.fit import fit
from tasks.measure import measure
from tasks.split import split

__all__ = ["measure_joints", "prepare_joints", "resize_joints"]


def prepare_joints(
    buckets: list[list[Artifact]], settings: PipelineSettings, placement: Placement
) -> tuple[list[Artifact], list[Artifact], list[Artifact]]:
    """Convert, split and crop buckets of scans; call it within a flow.

    A bucket waits for its own table of the stage before, not for the others'.

    Args:
        buckets: Scans by bucket.
        settings: How the stages treat them.
        placement: Where results lie.

    Returns:
        The tables of the convert, split and crop stage, each with one table a bucket, in the buckets' order.
    """
    corrections = load_corrections(settings.corrections, placement.open())
    files = [[scan.name for scan in bucket] for bucket in buckets]
    turned = [corrections.for_convert(names) for names in files]
    seen_otherwise = [corrections.for_split(names) for names in files]
    with use_dask_cluster(settings):
        converted = convert.map(buckets, unmapped(settings.convert), unmapped(placement), turned)
        halves = split.map(converted, unmapped(settings.split), unmapped(placement), seen_otherwise)
        cropped = crop.map(halves, unmapped(settings.crop), unmapped(placement))
        return converted.result(), halves.result(), cropped.result()


def resize_joints(
    cropped: list[Artifact], size: int, settings: PipelineSettings, placement: Placement
) -> list[Artifact]:
    """Resize joint crops to the dataset's size; call it within a flow.

    Args:
        cropped: Tables of the crop stage, one a bucket.
        size: Side of the resized crops in pixels.
        settings: Whether a Dask cluster does it.
        placement: Where results lie.

    Returns:
        A `Fitted` table a bucket, whose stack is uint8 of shape (joints, size, size).
    """
    with use_dask_cluster(settings):
        return fit.map(cropped, unmapped(size), unmapped(placement)).result()


def measure_joints(
    cropped: list[Artifact], settings: PipelineSettings, placement: Placement
) -> list[Artifact]:
    """Measure joint spaces where the settings ask for it; call it within a flow.

    Args:
        cropped: Tables of the crop stage, one a bucket.
        settings: Whether joints are measured, and whether a Dask cluster does it.
        placement: Where results lie.

    Returns:
        A table of widths a bucket; none where they are not asked for.
    """
    if not settings.measures_widths:
        return []
    with use_dask_cluster(settings):
        return measure.map(cropped, unmapped(settings.measure), unmapped(placement)).result()
