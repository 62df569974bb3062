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
    """Store every file below a folder and return the artifact of the manifest."""
    files = {
        path.relative_to(folder).as_posix(): store.put_file(path).model_dump()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }
    return store.put(json.dumps({"tree": files}, indent=1, sort_keys=True).encode(), name)


def tree_files(store: Store, tree: Artifact) -> dict[str, Artifact]:
    """The files of a tree by their relative path."""
    files = json.loads(store.get(tree)).get("tree")
    if files is None:
        raise StoreError(f"store {store.url}: {tree.name} ({tree.key}) is not a folder's manifest")
    return {path: Artifact.model_validate(file) for path, file in files.items()}


def checkout(store: Store, tree: Artifact, cache: Path) -> Path:
    """The tree as a folder below `cache`, made once: it appears under its name only when it is whole."""
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
            if not target.is_dir():  # not another process that was quicker
                raise
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return target
