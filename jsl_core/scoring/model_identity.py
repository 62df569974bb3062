"""Which models scored: what a report calls them, so that anybody can tell them again."""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from jsl_core.cohort.outcomes import USUAL_OUTCOME
from jsl_core.learning.model.ensemble import model_folders
from jsl_core.learning.model.grader_record import RECORD, SHIPPED_GRADER, GraderRecord, is_grader
from jsl_core.learning.model.record import BundleRecord
from jsl_core.pacs.findings import ModelIdentity

__all__ = ["identify_each", "identify_models"]


def identify_models(folders: Sequence[Path]) -> ModelIdentity:
    """Identify the models of an ensemble; arguments and errors as of `Ensemble.load`.

    The digest is that of their records, which name the digests of all files that scores depend on.
    """
    folders = [model for folder in folders or [SHIPPED_GRADER] for model in model_folders(folder)]
    digests = [_digest(folder) for folder in folders]
    versions = sorted({_version(folder) for folder in folders})
    digest = digests[0] if len(digests) == 1 else hashlib.sha256(" ".join(digests).encode()).hexdigest()
    name = "JSL shipped grader" if digests == [_digest(SHIPPED_GRADER)] else _name(folders)
    return ModelIdentity(name, ", ".join(versions), digest, _outcome(folders))


def identify_each(folders: Sequence[Path]) -> list[ModelIdentity]:
    """Identify each model of an ensemble, in the order of its members."""
    every = [model for folder in folders or [SHIPPED_GRADER] for model in model_folders(folder)]
    return [identify_models([folder]) for folder in every]


def _digest(folder: Path) -> str:
    record = folder / (RECORD if is_grader(folder) else "bundle.json")
    return hashlib.sha256(record.read_bytes()).hexdigest()


def _version(folder: Path) -> str:
    record = GraderRecord.read(folder) if is_grader(folder) else BundleRecord.read(folder)
    return record.version or "unknown"


def _outcome(folders: Sequence[Path]) -> str:
    """What the risk of the models is of; "" for the usual outcome."""
    records = [BundleRecord.read(folder) for folder in folders if not is_grader(folder)]
    outcomes = {record.outcome or USUAL_OUTCOME for record in records if "jsl" in record.thresholds}
    return "" if outcomes <= {USUAL_OUTCOME} else " or ".join(sorted(outcomes))


def _name(folders: Sequence[Path]) -> str:
    """What the models are: never their folder's name, which may say anything."""
    regimes = {"kl" if is_grader(folder) else BundleRecord.read(folder).regime for folder in folders}
    kinds = " and ".join(sorted(regimes))
    return f"JSL {kinds}" if len(folders) == 1 else f"JSL {kinds}, {len(folders)} models"
