"""Scans that land in a folder or a bucket, each taken exactly once."""

from pathlib import Path

from jsl_core.landing.folder import FolderLanding
from jsl_core.landing.ledger import Batch, Landed, Landing, Ledger, settled, take
from jsl_core.storage import digest_of

__all__ = [
    "Batch",
    "FolderLanding",
    "Landed",
    "Landing",
    "Ledger",
    "folder_of",
    "is_bucket",
    "open_landing",
    "settled",
    "take",
]


def open_landing(scans: str, work: Path) -> Landing:
    """The folder or `s3://bucket/prefix` where scans land. Raises JslError if it cannot be one."""
    if is_bucket(scans):
        from jsl_core.landing.bucket import BucketLanding  # a folder needs no boto3

        return BucketLanding(scans, folder_of(scans, work))
    return FolderLanding(Path(scans))


def folder_of(scans: str, work: Path) -> Path:
    """Where stages read the scans: the folder itself, or a bucket's mirror below the work folder."""
    return work / "scans" / digest_of(scans)[:12] if is_bucket(scans) else Path(scans).absolute()


def is_bucket(scans: str) -> bool:
    """Whether scans lie in a bucket."""
    return scans.startswith("s3://")
