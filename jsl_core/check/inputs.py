"""The inputs of a run: its table, its pictures or scans, and the files beside them."""

from collections import Counter
from itertools import islice
from pathlib import Path

import pandas as pd

from jsl_core.check.finding import Findings
from jsl_core.cohort import GRADE, PROGRESSION, read_cohort
from jsl_core.cohort.outcomes import refuse_without_times
from jsl_core.cohort.persons import person_key
from jsl_core.cohort.pictures import describe_missing_pictures, missing_pictures, refuse_equal_files
from jsl_core.cohort.relabel import relabel
from jsl_core.cohort.splits import assign_splits, left_out_of_split
from jsl_core.config import PipelineSettings
from jsl_core.dataset.crops import read_crop
from jsl_core.errors import BadScan, BadSettings, BadTable, JslError
from jsl_core.imaging import ScanFile, walk_scans
from jsl_core.imaging.dicom import read_participant
from jsl_core.landing import is_bucket_url
from jsl_core.scans.listing import accepted_films
from jsl_core.storage import open_store

__all__ = ["check_scans", "check_table", "check_truth"]

_LABELS = {"kl": GRADE, "jsl": PROGRESSION}
_SAMPLE = 24  # films or crops that are opened
_WALKED = 20_000  # files that are listed, of which the sample is taken


def check_table(settings: PipelineSettings, findings: Findings, deep: bool) -> pd.DataFrame | None:
    """Check the cohort table, and without scans its pictures; returns the table where it can be read.

    Args:
        settings: The run's.
        findings: Gets what is wrong.
        deep: Also open some pictures, and compare all of them.
    """
    if not settings.cohort:
        findings.stop(BadSettings("cohort is empty; give the path of the cohort table (CSV)"))
        return None
    training = settings.training
    heads = [head for regime in training.regimes_to_train() for head in training.heads_of(regime)]
    labels = list(dict.fromkeys(_LABELS[head] for head in heads))
    path = Path(settings.cohort)
    table = findings.attempt(lambda: relabel(_read_table(path, settings), settings.pack.label))
    if table is None:
        return None
    for label in labels:
        values = table[label].dropna().unique()
        if len(values) == 1:
            findings.thin(
                BadTable(
                    f"{path.name}: {label} is {values[0]:g} wherever it is known; nothing is learned of it"
                )
            )
        elif len(values) == 0:
            with findings.catch():
                read_cohort(path, needs=[label])  # says so if there is no such column
                findings.stop(BadTable(f"{path.name}: {label} is blank in every row; fill it in"))
    if PROGRESSION in labels and training.jsl_loss != "label":
        with findings.catch():
            refuse_without_times(table, training.jsl_loss)
    if settings.pack.split != "drawn":
        with findings.catch():  # a site that is not there, or people tested on who are learned from
            assign_splits(table[~left_out_of_split(table, settings.pack)], settings.pack)
    counts = ", ".join(f"{table[label].count()} with {label}" for label in labels)
    findings.facts.append(f"{len(table)} knees of {table['participant'].nunique()} participants, {counts}")
    if not settings.scans:
        _check_pictures(table, path, settings, findings, deep)
    return table


def _read_table(path: Path, settings: PipelineSettings) -> pd.DataFrame:
    try:
        return read_cohort(path, needs=[] if settings.scans else ["Img_path"])
    except BadTable as error:
        if "no column Img_path" in str(error):
            raise BadTable(f"{error}; or give the folder of the films as scans") from None
        raise


def _check_pictures(
    table: pd.DataFrame, path: Path, settings: PipelineSettings, findings: Findings, deep: bool
) -> None:
    folder = path.parent
    missing = missing_pictures(table, folder)
    if len(missing):
        share = f"max_rejected ({settings.max_rejected:.0%})"
        too_many = len(missing) > settings.max_rejected * len(table)
        much = f"more than {share}" if too_many else f"within {share}"
        error = BadTable(
            f"{path.name}: {describe_missing_pictures(table, missing)}; {much}: mend the paths, which are "
            f"relative to {folder}"
        )
        (findings.stop if too_many else findings.thin)(error)
    present = table.drop(missing.index)
    if not deep or present.empty:
        return
    with findings.catch():
        refuse_equal_files(present, folder, path.name)
    sample = present.iloc[:: max(len(present) // _SAMPLE, 1)].head(_SAMPLE)
    reasons = []
    for name in sample["Img_path"]:
        try:
            read_crop(folder, name)
        except BadScan as bad:
            reasons.append(str(bad))
    _tell_share(reasons, len(sample), "pictures", f"{path.name}, Img_path", settings, findings)


def check_scans(
    settings: PipelineSettings, table: pd.DataFrame | None, findings: Findings, deep: bool
) -> int:
    """Check that there are scans, and by the headers of some whether they can be used; returns their number.

    Args:
        settings: The run's.
        table: The cohort table, where it can be read.
        findings: Gets what is wrong.
        deep: Also list the scans and read some headers.
    """
    if not settings.scans:
        return 0
    if is_bucket_url(settings.scans):
        if deep:
            with findings.catch():
                if next(iter(open_store(settings.scans).keys("")), None) is None:
                    findings.stop(
                        BadSettings(
                            f"scans {settings.scans}: there are none; give the prefix below which they lie"
                        )
                    )
        return 0
    folder = Path(settings.scans)
    if not folder.exists():
        findings.stop(
            BadSettings(f"scans {folder}: no such folder; give the folder that holds the DICOM files")
        )
    films = settings.films
    names = findings.attempt(lambda: accepted_films(Path(films))) if films else None
    if not deep or not folder.exists() or (settings.films and names is None):
        return 0
    files = list(islice(walk_scans(folder), _WALKED))
    if names is not None:
        files = _only_named(files, names, settings, findings)
    if not files:
        findings.stop(
            BadSettings(f"scans {folder}: there are none; give the folder that holds the DICOM files")
        )
        return 0
    findings.facts.append(f"{len(files)}{'+' if len(files) == _WALKED else ''} files in {folder}")
    _check_headers(files[:: max(len(files) // _SAMPLE, 1)][:_SAMPLE], table, settings, findings)
    return len(files)


def _only_named(
    files: list[ScanFile], names: list[str], settings: PipelineSettings, findings: Findings
) -> list[ScanFile]:
    by_name = {file.name: file for file in files}
    missing = [name for name in names if name not in by_name]
    if missing and len(files) < _WALKED:
        findings.stop(
            BadSettings(
                f"films {settings.films}: {len(missing)} of {len(names)} are not below {settings.scans}, the "
                f"first is {missing[0]}; mend the table or the folder"
            )
        )
    return [by_name[name] for name in names if name in by_name]


def _check_headers(
    sample: list[ScanFile], table: pd.DataFrame | None, settings: PipelineSettings, findings: Findings
) -> None:
    reasons, participants, others = [], set(), 0
    for file in sample:
        try:
            participants.add(read_participant(file.read(), file.name, settings.convert))
        except BadScan as bad:
            if bad.code == "not_dicom":
                others += 1
            else:
                reasons.append(f"{file.name}: {bad}")
    where = f"scans {settings.scans}"
    if others == len(sample):
        findings.stop(
            BadSettings(
                f"{where}: none of {others} files sampled is a DICOM file; give the folder of the films"
            )
        )
        return
    _tell_share(reasons, len(sample) - others, "films", where, settings, findings)
    if table is None or not participants:
        return
    known = {person_key(name) for name in table["participant"]}
    unknown = sorted(name for name in participants if person_key(name) not in known)
    if unknown:
        error = BadTable(
            f"{Path(settings.cohort).name}: no row for {len(unknown)} of the {len(participants)} people "
            f"on the films sampled, such as {unknown[0]}; compare the table's IDs with the films' PatientID"
        )
        (findings.stop if len(unknown) == len(participants) else findings.thin)(error)


def _tell_share(
    reasons: list[str], count: int, what: str, where: str, settings: PipelineSettings, findings: Findings
) -> None:
    """Tell how many of a sample would be rejected, and the first reason; what all share stops the run."""
    if not reasons:
        return
    error = JslError(
        f"{where}: {len(reasons)} of {count} {what} sampled would be rejected, mostly "
        f"as in {Counter(reasons).most_common(1)[0][0]}; mend them or leave them out"
    )
    hopeless = len(reasons) == count and settings.max_rejected < 1
    (findings.stop if hopeless else findings.thin)(error)


def check_truth(settings: PipelineSettings, findings: Findings) -> None:
    """Check that a phantom cohort's known truth is there."""
    if settings.truth and not Path(settings.truth).is_file():
        findings.stop(BadSettings(f"truth {settings.truth}: no such file; leave it empty for real films"))
