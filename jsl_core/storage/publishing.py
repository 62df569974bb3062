"""What people look for, under readable keys: in the store itself, or in another one."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from jsl_core.storage.artifact import Artifact
from jsl_core.storage.store import Store

__all__ = ["publish_all"]

_AT_ONCE = 256  # files between two writings of the record
_HANDS = 16


def publish_all(source: Store, target: Store, files: Mapping[str, Artifact], record: str) -> int:
    """Put every artifact under its key of the target store; how many had to be copied.

    The JSON under the key `record` says which digest lies where. It is written as the work goes on, so that
    a publishing that was killed goes on from there, and one that is repeated copies nothing.
    """
    known: dict[str, str] = json.loads(target.read(record) or b"{}")
    there = dict(_sizes(target, files))
    todo = [
        (key, artifact)
        for key, artifact in files.items()
        if known.get(key) != artifact.sha256 or there.get(key) != artifact.size
    ]
    with ThreadPoolExecutor(_HANDS) as pool:
        for start in range(0, len(todo), _AT_ONCE):
            some = todo[start : start + _AT_ONCE]
            list(pool.map(lambda one: _send(source, target, *one), some))
            known |= {key: artifact.sha256 for key, artifact in some}
            target.write(record, json.dumps(known, sort_keys=True, indent=1).encode())
    return len(todo)


def _sizes(target: Store, files: Mapping[str, Artifact]) -> Iterator[tuple[str, int]]:
    for folder in sorted({key.rpartition("/")[0] for key in files}):
        yield from ((key, size) for key, size, _ in target.sizes(folder))


def _send(source: Store, target: Store, key: str, artifact: Artifact) -> None:
    if source.url == target.url:
        target.publish(artifact, key)
        return
    with tempfile.TemporaryDirectory() as folder:
        target.write_file(key, source.fetch(artifact, Path(folder, "file")))
