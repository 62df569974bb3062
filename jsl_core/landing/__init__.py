"""Scans that land in a folder or a bucket, each taken exactly once."""

from pathlib import Path

from jsl_core.imaging import Pseudonyms
from jsl_core.landing.folder import FolderLanding
from jsl_core.landing.ledger import Batch, LandedFile, Landing, Ledger, stable_files, take_new_files
from jsl_core.landing.pseudonymous import PseudonymousLanding
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


def open_landing(scans: str, work: Path, pseudonyms: Pseudonyms | None = None) -> Landing:
    """Open the folder or `s3://bucket/prefix` where scans land.

    Args:
        scans: The folder or bucket.
        work: The work folder, below which a bucket's objects are copied.
        pseudonyms: What files are called; None for their own names.

    Raises:
        JslError: If it cannot be one.
    """
    landing: Landing = FolderLanding(Path(scans))
    if is_bucket_url(scans):
        from jsl_core.landing.bucket import BucketLanding  # a folder needs no boto3

        landing = BucketLanding(scans, scan_folder(scans, work))
    return PseudonymousLanding(landing, pseudonyms) if pseudonyms else landing


def scan_folder(scans: str, work: Path) -> Path:
    """Where stages read the scans: the folder itself, or a bucket's mirror below the work folder."""
    return work / "scans" / digest_of(scans)[:12] if is_bucket_url(scans) else Path(scans).absolute()


def is_bucket_url(scans: str) -> bool:
    """Whether scans lie in a bucket."""
    return scans.startswith("s3://")
