"""Scans that land in a folder or a bucket, each taken exactly once."""

from pathlib import Path

from jsl_core.landing.folder import FolderLanding
from jsl_core.landing.ledger import Batch, LandedFile, Landing, Ledger, stable_files, take_new_files
from jsl_core.storage import digest_of

__all__ = [
    "Batch",
    "FolderLanding",
    "LandedFile",
    "Landing",
    "Ledger",
    "is_bucket_url",
    "open_landing",
    "scan_folder",
    "stable_files",
    "take_new_files",
]


def open_landing(scans: str, work: Path) -> Landing:
    """Open the folder or `s3://bucket/prefix` where scans land.

    Raises:
        JslError: If it cannot be one.
    """
    if is_bucket_url(scans):
        from jsl_core.landing.bucket import BucketLanding  # a folder needs no boto3

        return BucketLanding(scans, scan_folder(scans, work))
    return FolderLanding(Path(scans))


def scan_folder(scans: str, work: Path) -> Path:
    """Where stages read the scans: the folder itself, or a bucket's mirror below the work folder."""
    return work / "scans" / digest_of(scans)[:12] if is_bucket_url(scans) else Path(scans).absolute()


def is_bucket_url(scans: str) -> bool:
    """Whether scans lie in a bucket."""
    return scans.startswith("s3://")
