"""Scans in a bucket are copied to this machine before a stage reads them; those in a folder stay there."""

from collections.abc import Iterable
from pathlib import Path

from jsl_core.config import PipelineSettings
from jsl_core.landing import BucketLanding, folder_of, is_bucket
from jsl_core.storage import Artifact
from tasks.caching import Placement

__all__ = ["fetch_all", "fetch_scans"]


def fetch_all(settings: PipelineSettings, place: Placement) -> Path:
    """The folder in which all scans lie by now."""
    if is_bucket(settings.scans):
        _bucket(settings, place).bring_all()
    return Path(place.scans)


def fetch_scans(buckets: Iterable[Iterable[Artifact]], settings: PipelineSettings, place: Placement) -> None:
    """Have these scans, or the archives they are in, where the stages read them."""
    if is_bucket(settings.scans):
        names = {scan.name.partition("!/")[0] for bucket in buckets for scan in bucket}
        _bucket(settings, place).bring_named(names)


def _bucket(settings: PipelineSettings, place: Placement) -> BucketLanding:
    return BucketLanding(settings.scans, folder_of(settings.scans, Path(place.work)))
