"""Publishing: artifacts copied to readable keys, in the store itself or in another one."""

import json
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path

from jsl_core.storage.artifact import Artifact
from jsl_core.storage.concurrent import request_all
from jsl_core.storage.interface import Store, read_facts

__all__ = ["publish_all"]

_BATCH = 256  # files between two writings of the record


def publish_all(source: Store, target: Store, files: Mapping[str, Artifact], record: str) -> int:
    """Copy every artifact that is not there yet to its key of the target store.

    The record is written as the work goes on, so that a publishing that was killed goes on from there, and
    one that is repeated copies nothing. A key whose object is to be replaced leaves the record first: the
    record never names a digest that its key does not hold.

    Args:
        source: The store that has the artifacts.
        target: The store that gets them; it may be the same.
        files: Artifacts by key.
        record: The key of the record: JSON, digests by key.

    Returns:
        How many artifacts had to be copied.
    """
    digests: dict[str, str] = read_facts(target, record)  # where it is damaged all is copied again
    sizes = dict(_sizes(target, files))
    pending = [
        (key, artifact)
        for key, artifact in files.items()
        if digests.get(key) != artifact.sha256 or sizes.get(key) != artifact.size
    ]
    if stale := digests.keys() & dict(pending).keys():
        digests = {key: digest for key, digest in digests.items() if key not in stale}
        _write_record(target, record, digests)
    for start in range(0, len(pending), _BATCH):
        batch = pending[start : start + _BATCH]
        request_all(lambda one: _send(source, target, *one), batch)
        digests |= {key: artifact.sha256 for key, artifact in batch}
        _write_record(target, record, digests)
    return len(pending)


def _write_record(target: Store, record: str, digests: Mapping[str, str]) -> None:
    target.write(record, json.dumps(digests, sort_keys=True, indent=1).encode())


def _sizes(target: Store, files: Mapping[str, Artifact]) -> Iterator[tuple[str, int]]:
    """Size by key of all that the keys' folders have; a folder within another one is listed with it."""
    parent = ""
    for folder in sorted({f"{key.rpartition('/')[0]}/" for key in files}):
        if not parent or not folder.startswith(parent):
            parent = folder
            yield from ((key, size) for key, size, _ in target.sizes(folder.removesuffix("/")))


def _send(source: Store, target: Store, key: str, artifact: Artifact) -> None:
    if source.url == target.url:
        target.publish(artifact, key)
        return
    with tempfile.TemporaryDirectory() as folder:
        target.write_file(key, source.fetch(artifact, Path(folder, "file")))
