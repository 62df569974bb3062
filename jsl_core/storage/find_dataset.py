"""Packed datasets by the names that people have for them."""

import re

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.history import History
from jsl_core.storage.interface import Store
from jsl_core.storage.run_folders import read_run_record

__all__ = ["find_dataset"]

_DIGEST = re.compile(r"[0-9a-f]{6,64}")


def find_dataset(store: Store, name: str) -> Artifact:
    """Find a dataset.

    Args:
        store: The store.
        name: `latest` for the one that was packed last; a run, by the name of its folder, for that run's; or
            how the dataset's SHA-256 begins, as its folder below `datasets/` is called.

    Raises:
        StoreError: If there is none, or several are meant.
    """
    name = name.strip().removeprefix("datasets/").rstrip("/")
    if name in ("", "latest"):
        return _latest(store)
    published = str(read_run_record(store, name).get("dataset", ""))
    start = published.removeprefix("datasets/") or name
    objects = store.sizes(f"cas/{start[:2]}") if _DIGEST.fullmatch(start) else ()
    matches = [(key[-64:], size) for key, size, _ in objects if key[-64:].startswith(start)]
    if len(matches) != 1:
        raise StoreError(
            f"store {store.url}: no one dataset is called {name[:80]!r}; give latest, a run's name, or "
            "six digits or more of the dataset's digest, as its folder below datasets/ is named"
        )
    ((digest, size),) = matches
    return Artifact(sha256=digest, size=size, name="dataset.json")


def _latest(store: Store) -> Artifact:
    """The dataset that the newest run with one has packed, or asked for."""
    history = History(store)
    for run in history.runs():
        packed = history.results(key for key in run.keys if key.startswith("pack/"))
        for artifacts in packed.values():
            if artifacts and not store.missing(artifacts):
                return artifacts[0]
    raise StoreError(f"store {store.url}: no dataset has been packed here yet; run pipeline or prepare first")
