"""What people look for, under readable keys: in the store itself, or in another one."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jsl_core.storage.artifact import Artifact
from jsl_core.storage.interface import Store

__all__ = ["publish_all"]

_AT_ONCE = 256  # files between two writings of the record
_HANDS = 16


def publish_all(source: Store, target: Store, files: Mapping[str, Artifact], record: str) -> int:
    """Put every artifact under its key of the target store; how many had to be copied.

    The JSON under the key `record` says which digest lies where. It is written as the work goes on, so that
    a publishing that was killed goes on from there, and one that is repeated copies nothing. A key whose
    object is to be replaced leaves the record first: the record never claims what does not lie there.
    """
    known = _recorded(target, record)
    there = dict(_sizes(target, files))
    todo = [
        (key, artifact)
        for key, artifact in files.items()
        if known.get(key) != artifact.sha256 or there.get(key) != artifact.size
    ]
    if stale := known.keys() & dict(todo).keys():
        known = {key: digest for key, digest in known.items() if key not in stale}
        _write(target, record, known)
    with ThreadPoolExecutor(_HANDS) as pool:
        for start in range(0, len(todo), _AT_ONCE):
            some = todo[start : start + _AT_ONCE]
            list(pool.map(lambda one: _send(source, target, *one), some))
            known |= {key: artifact.sha256 for key, artifact in some}
            _write(target, record, known)
    return len(todo)


def _recorded(target: Store, record: str) -> dict[str, str]:
    """What the record says; one that somebody has spoiled says nothing, and all is copied again."""
    try:
        known = json.loads(target.read(record) or b"{}")
    except ValueError:
        return {}
    return known if isinstance(known, dict) else {}


def _write(target: Store, record: str, known: Mapping[str, str]) -> None:
    target.write(record, json.dumps(known, sort_keys=True, indent=1).encode())


def _sizes(target: Store, files: Mapping[str, Artifact]) -> Iterator[tuple[str, int]]:
    """What lies below the keys' folders; a folder within another one is listed with it."""
    listed = ""
    for folder in sorted({f"{key.rpartition('/')[0]}/" for key in files}):
        if not listed or not folder.startswith(listed):
            listed = folder
            yield from ((key, size) for key, size, _ in target.sizes(folder.removesuffix("/")))


def _send(source: Store, target: Store, key: str, artifact: Artifact) -> None:
    if source.url == target.url:
        target.publish(artifact, key)
        return
    with tempfile.TemporaryDirectory() as folder:
        target.write_file(key, source.fetch(artifact, Path(folder, "file")))
