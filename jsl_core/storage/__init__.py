"""The store in a folder or a bucket, its artifacts, and the records of what was made from what."""

from jsl_core.storage.artifact import Artifact, sha256_of
from jsl_core.storage.folder import FolderStore
from jsl_core.storage.interface import Store
from jsl_core.storage.local_folders import cache_folder, work_folder
from jsl_core.storage.memo import Memo, artifacts_in, digest_of
from jsl_core.storage.open import open_existing_store, open_store
from jsl_core.storage.publishing import publish_all
from jsl_core.storage.registry import Decision, Overtaken, Registry, Version
from jsl_core.storage.tree import checkout, put_tree, tree_files

__all__ = [
    "Artifact",
    "Decision",
    "FolderStore",
    "Memo",
    "Overtaken",
    "Registry",
    "Store",
    "Version",
    "artifacts_in",
    "cache_folder",
    "checkout",
    "digest_of",
    "open_existing_store",
    "open_store",
    "publish_all",
    "put_tree",
    "sha256_of",
    "tree_files",
    "work_folder",
]
