"""Which models scored: what a report calls them, so that anybody can tell them again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from jsl_core.learning.model.ensemble import model_folders
from jsl_core.learning.model.grader_record import RECORD, SHIPPED_GRADER, GraderRecord, is_grader
from jsl_core.learning.model.record import BundleRecord
from jsl_core.pacs.findings import ModelIdentity

__all__ = ["identify_models"]


def identify_models(folders: Sequence[Path]) -> ModelIdentity:
    """Identify the models of an ensemble; arguments and errors as of `Ensemble.load`.

    The digest is that of their records, which name the digests of all files that scores depend on.
    """
    folders = [model for folder in folders or [SHIPPED_GRADER] for model in model_folders(folder)]
    digests = [hashlib.sha256(_record(folder).read_bytes()).hexdigest() for folder in folders]
    versions = sorted({_version(folder) for folder in folders})
    digest = digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()
    return ModelIdentity(_name(folders), ", ".join(versions), digest)


def _record(folder: Path) -> Path:
    return folder / (RECORD if is_grader(folder) else "bundle.json")


def _version(folder: Path) -> str:
    record = GraderRecord.read(folder) if is_grader(folder) else BundleRecord.read(folder)
    return record.version or "unknown"


def _name(folders: Sequence[Path]) -> str:
    """What the models are: never their folder's name, which may say anything."""
    if list(folders) == [SHIPPED_GRADER]:
        return "JSL shipped grader"
    regimes = {"kl" if is_grader(folder) else BundleRecord.read(folder).regime for folder in folders}
    kinds = " and ".join(sorted(regimes))
    return f"JSL {kinds}" if len(folders) == 1 else f"JSL {kinds}, {len(folders)} models"
