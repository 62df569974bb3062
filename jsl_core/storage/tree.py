"""A folder as one artifact: a manifest that names its files, each an artifact of its own."""

import json
import os
import shutil
import tempfile
from pathlib import Path

from jsl_core.errors import StoreError
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.interface import Store, check_key
from jsl_core.storage.memo import named_in
from jsl_core.system.files import TEMPORARY

__all__ = ["checkout", "missing_files", "put_tree", "tree_files"]

_CHECKED: set[Path] = set()  # the folders whose files this process has read and found whole


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
    try:
        files = json.loads(store.get(tree))["tree"]
        return {check_key(path, store.url): Artifact.model_validate(file) for path, file in files.items()}
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        raise StoreError(
            f"store {store.url}: {tree.name} ({tree.key}) is no folder's manifest; name a dataset or a model"
        ) from None


def missing_files(store: Store, tree: Artifact) -> list[Artifact]:
    """Return what of a tree is not stored: the manifest itself, or files that it names.

    Raises:
        StoreError: If the manifest is damaged.
    """
    return store.missing([tree]) or store.missing(named_in(store.get(tree)))


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
        if _is_whole(store, tree, target):
            return target
        shutil.rmtree(target, ignore_errors=True)
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
    _CHECKED.add(target)
    return target


def _is_whole(store: Store, tree: Artifact, folder: Path) -> bool:
    """Whether every file of a tree that was checked out earlier has its bytes still; read once a process."""
    if folder not in _CHECKED:
        for path, file in tree_files(store, tree).items():
            try:
                if Artifact.of_file(folder / path).sha256 != file.sha256:
                    return False
            except OSError:
                return False
        _CHECKED.add(folder)
    return True
