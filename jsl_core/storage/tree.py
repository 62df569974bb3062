"""A folder as one artifact: a manifest that names its files, each an artifact of its own."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.interface import Store
from jsl_core.system.files import TEMPORARY

__all__ = ["checkout", "put_tree", "tree_files"]


def put_tree(store: Store, folder: Path, name: str) -> Artifact:
    """Store every file below a folder, and a manifest of them under `name`, which is returned."""
    files = {
        path.relative_to(folder).as_posix(): store.put_file(path).model_dump()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return store.put(json.dumps({"tree": files}, indent=1, sort_keys=True).encode(), name)


def tree_files(store: Store, tree: Artifact) -> dict[str, Artifact]:
    """Read a tree's manifest: its files by relative path.

    Raises:
        StoreError: If the artifact is no manifest.
    """
    files = json.loads(store.get(tree)).get("tree")
    if files is None:
        raise StoreError(
            f"store {store.url}: {tree.name} ({tree.key}) is no folder's manifest; name a dataset or a model"
        )
    return {path: Artifact.model_validate(file) for path, file in files.items()}


def checkout(store: Store, tree: Artifact, cache: Path) -> Path:
    """Make a tree a folder again, once; it appears under its name only when it is whole.

    Args:
        store: The store that has the tree.
        tree: Its manifest.
        cache: The folder in which trees lie by digest.

    Returns:
        The tree's folder, which nobody may change.
    """
    target = cache / tree.sha256
    if target.is_dir():
        return target
    cache.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(dir=cache, prefix=TEMPORARY))
    try:
        for path, file in tree_files(store, tree).items():
            store.fetch(file, partial / path)
        try:
            os.rename(partial, target)
        except OSError:
            if not target.is_dir():  # else another process was quicker
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target
