"""Buckets of scans to joints: the stages that work on scans one by one."""

from prefect import unmapped

from flows.orchestration.task_runners import on_dask
from jsl_core.config import PipelineSettings
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.convert import convert
from tasks.crop import crop
from tasks.fit import fit
from tasks.split import split

__all__ = ["to_joints", "to_size"]


def to_joints(
    buckets: list[list[Artifact]], settings: PipelineSettings, place: Placement
) -> tuple[list[Artifact], list[Artifact], list[Artifact]]:
    """The tables of the convert, split and crop stage, one a bucket; within a flow.

    A bucket waits for its own table of the stage before, not for the others'.
    """
    with on_dask(settings):
        converted = convert.map(buckets, unmapped(settings.convert), unmapped(place))
        halves = split.map(converted, unmapped(settings.split), unmapped(place))
        cropped = crop.map(halves, unmapped(settings.crop), unmapped(place))
        return converted.result(), halves.result(), cropped.result()


def to_size(
    cropped: list[Artifact], size: int, settings: PipelineSettings, place: Placement
) -> list[Artifact]:
    """The joints of the crop stage's tables at the dataset's size, one array a bucket; within a flow."""
    with on_dask(settings):
        return fit.map(cropped, unmapped(size), unmapped(place)).result()
