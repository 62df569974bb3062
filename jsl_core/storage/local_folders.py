"""Folders on this machine for what can be made again."""

import hashlib
import os
from pathlib import Path

from jsl_core.system.paths import expand_path

__all__ = ["cache_folder", "work_folder"]


def cache_folder() -> Path:
    """The folder for copies and caches: JSL_CACHE_DIR, else `jsl` in the user's cache folder.

    An environment variable, as it belongs to a machine and not to a run.
    """
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    chosen = os.environ.get("JSL_CACHE_DIR") or str(Path(base, "jsl"))
    return Path(expand_path(chosen)).absolute()


def work_folder(store: str, work: str = "") -> Path:
    """The folder for checkpoints and unpacked artifacts of a store's runs.

    Args:
        store: URL of the store.
        work: The user's choice, if any.

    Returns:
        `work`, else a folder inside the store's; for a bucket one in the cache folder.
    """
    if work:
        return Path(expand_path(work)).absolute()
    if store.startswith("s3://"):
        return cache_folder() / "work" / hashlib.sha256(store.rstrip("/").encode()).hexdigest()[:12]
    return Path(expand_path(store)).absolute() / "work"
