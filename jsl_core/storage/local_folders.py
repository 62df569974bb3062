"""Folders on this machine for what can be made again."""

import hashlib
import os
from pathlib import Path

__all__ = ["cache_folder", "work_folder"]


def cache_folder() -> Path:
    """JSL_CACHE_DIR, else `jsl` in the user's cache folder: a machine's furniture is no run's setting."""
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(os.environ.get("JSL_CACHE_DIR") or Path(base, "jsl")).absolute()


def work_folder(store: str, work: str = "") -> Path:
    """`work` if it is given, else inside the store's folder; for a bucket in the cache folder."""
    if work:
        return Path(work).absolute()
    if store.startswith("s3://"):
        return cache_folder() / "work" / hashlib.sha256(store.rstrip("/").encode()).hexdigest()[:12]
    return Path(store.removeprefix("file://")).absolute() / "work"
