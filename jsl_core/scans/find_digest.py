"""The digest of what a person names: a file, an object of a store, a knee, or a digest's start."""

import hashlib
import json
import re
from pathlib import Path, PurePosixPath

from jsl_core.errors import StoreError
from jsl_core.imaging.names import encode_name
from jsl_core.storage import Store
from jsl_core.storage.run_folders import list_run_folders, resolve_latest

__all__ = ["find_digest"]

_DIGEST = re.compile(r"[0-9a-f]{6,64}")


def find_digest(store: Store, name: str) -> str:
    """Find the SHA-256, or how it begins, of what a name stands for.

    Tried in this order: a file on this machine, by its content; a key or URL of the store, such as
    `runs/latest/report.html` or `models/kl/ab12cd34ef56`; a digest's start; a knee, whose joint is that of
    the newest run that has one.

    Args:
        store: The store.
        name: The name.

    Raises:
        StoreError: If it stands for nothing.
    """
    try:
        with open(name, "rb") as stream:
            return hashlib.file_digest(stream, "sha256").hexdigest()
    except (OSError, ValueError):  # ValueError of a null character
        pass
    key = _key_in(store, name)
    if content := _read(store, key):
        return hashlib.sha256(content).hexdigest()
    last = PurePosixPath(key).name
    if _DIGEST.fullmatch(last.lower()):  # also the last part of models/… and datasets/…, which are trees
        return last.lower()
    if joint := _joint_of_knee(store, name):
        return joint
    raise StoreError(
        f"store {store.url}: {name!r} is no file, no key, no digest of 6 digits or more, and no knee of a "
        "run; name one, such as runs/latest/report.html or 1000001_1"
    )


def _key_in(store: Store, name: str) -> str:
    """The name as a key: without the store's URL, or its folder, before it."""
    key = name.rstrip("/")
    for before in (store.url, store.url.removeprefix("file://")):
        for path in (name, str(Path(name).absolute())):
            if path.startswith(f"{before}/"):
                key = path.removeprefix(f"{before}/").rstrip("/")
    return resolve_latest(store, key) if key.partition("/")[0] in ("runs", "latest") else key


def _joint_of_knee(store: Store, knee: str) -> str:
    """The digest of a knee's joint in the newest run that published one; blank where none did."""
    tried = set()
    for folder in list_run_folders(store):
        try:
            joints = json.loads(_read(store, f"runs/{folder}/run.json") or b"{}").get("joints")
        except (ValueError, AttributeError):
            continue
        if joints and joints not in tried:
            tried.add(joints)
            if content := _read(store, f"{joints}/{encode_name(knee)}.png"):
                return hashlib.sha256(content).hexdigest()
    return ""


def _read(store: Store, key: str) -> bytes | None:
    """An object; None where there is none, or the name can be no key."""
    if not key or key.startswith("/") or ".." in PurePosixPath(key).parts or "://" in key:
        return None
    try:
        return store.read(key)
    except (StoreError, OSError, ValueError):
        return None
