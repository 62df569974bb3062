"""Buckets of scans to tables of joints: the three stages that work on scans one by one."""

from typing import Any, cast

from prefect import unmapped
from prefect.futures import PrefectFuture
from prefect.task_runners import TaskRunner, ThreadPoolTaskRunner

from jsl_core.config import PipelineSettings
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.convert import convert
from tasks.crop import crop
from tasks.split import split

__all__ = ["RUNNER", "to_joints"]

RUNNER = cast("TaskRunner[PrefectFuture[Any]]", ThreadPoolTaskRunner(max_workers=2))


def to_joints(
    buckets: list[list[Artifact]], settings: PipelineSettings, place: Placement
) -> tuple[list[Artifact], list[Artifact], list[Artifact]]:
    """The tables of the convert, split and crop stage, one a bucket; within a flow that uses RUNNER."""
    converted = convert.map(buckets, unmapped(settings.convert), unmapped(place)).result()
    halves = split.map(converted, unmapped(settings.split), unmapped(place)).result()
    cropped = crop.map(halves, unmapped(settings.crop), unmapped(place)).result()
    return converted, halves, cropped
