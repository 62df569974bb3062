"""Claims about films by the lists of a release: contents.csv, image03.txt, xray00.txt and the readings."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

import pandas as pd

from jsl_core.cohort.oai.files import film_path_of
from jsl_core.cohort.oai.values import barcodes, codes_of, dates_of, participants_of

__all__ = ["BILATERAL_PA", "Claim", "claims_by_barcode", "is_baseline_visit", "is_bilateral_pa"]

BILATERAL_PA = "Bilateral PA Fixed Flexion Knee"


@dataclass(frozen=True)
class Claim:
    """What one source says of a film; "" or None where it says nothing."""

    source: str
    participant: str = ""
    date: str = ""
    barcode: str = ""
    description: str = ""
    baseline: bool | None = None
    accepted: bool | None = None


def is_bilateral_pa(description: str) -> bool:
    """Whether a series' description names the film that the readers read."""
    return " ".join(description.split()).lower() == BILATERAL_PA.lower()


def is_baseline_visit(name: str) -> bool | None:
    """Whether a visit's name (`V00`, `Screening Visit`, `48 month Annual Visit`) is baseline."""
    months = re.search(r"(\d+)[ -]?month|^V?(\d\d)$", name.strip(), re.IGNORECASE)
    if months:
        return int(months[1] or months[2]) == 0
    return True if re.search(r"screening|baseline|enrol", name, re.IGNORECASE) else None


def claims_by_barcode(tables: dict[str, pd.DataFrame], project: str) -> dict[str, list[Claim]]:
    """Collect the claims about each barcode.

    Args:
        tables: The release's tables by name, as `read_tables` gives them.
        project: The reading project whose readings count.

    Returns:
        Claims by barcode; those of CONTENTS come first, then IMAGE03, XRAY00 and KXR_SQ_BU00.
    """
    claims: dict[str, list[Claim]] = defaultdict(list)
    for name, reader in (
        ("CONTENTS", _contents_claims),
        ("IMAGE03", _image_claims),
        ("XRAY00", _clinic_claims),
    ):
        if name in tables:
            for claim in reader(tables[name]):
                claims[claim.barcode].append(claim)
    if "KXR_SQ_BU00" in tables:
        for claim in _reading_claims(tables["KXR_SQ_BU00"], project):
            claims[claim.barcode].append(claim)
    claims.pop("", None)
    return claims


def _contents_claims(table: pd.DataFrame) -> Iterator[Claim]:
    folders = _column(table, "FOLDER").str.replace("\\", "/", regex=False).str.strip()
    barcode_cells = barcodes(_column(table, "BARCODE"))
    barcode_cells = barcode_cells.where(barcode_cells != "", barcodes(_column(table, "ACCESSIONNUMBER")))
    barcode_cells = barcode_cells.where(
        barcode_cells != "", folders.map(lambda folder: film_path_of(folder).barcode)
    )
    columns = (
        participants_of(table["PARTICIPANTID"]),
        dates_of(_column(table, "STUDYDATE")),
        barcode_cells,
        table["SERIESDESCRIPTION"],
        folders,
    )
    for participant, date, barcode, description, folder in zip(*columns, strict=True):
        baseline = film_path_of(f"{folder}/").baseline
        yield Claim("contents.csv", participant, date, barcode, description, baseline)


def _image_claims(table: pd.DataFrame) -> Iterator[Claim]:
    paths = [film_path_of(path.replace("\\", "/")) for path in table["IMAGE_FILE"]]
    columns = (
        participants_of(table["SRC_SUBJECT_ID"]),
        dates_of(_column(table, "INTERVIEW_DATE")),
        barcodes(_column(table, "ACCESSION_NUMBER")),
        table["IMAGE_DESCRIPTION"],
        _column(table, "VISIT"),
    )
    for path, participant, date, barcode, description, visit in zip(paths, *columns, strict=True):
        if participant:  # the second header line has none
            baseline = is_baseline_visit(visit) if visit.strip() else path.baseline
            yield Claim("image03.txt", participant, date, barcode or path.barcode, description, baseline)


def _clinic_claims(table: pd.DataFrame) -> Iterator[Claim]:
    columns = (
        participants_of(table["ID"]),
        dates_of(_column(table, "V00XRDATE")),
        barcodes(table["V00XRBARCD"]),
        table["V00EXAMTP"].str.replace(r"^\s*\d+:\s*", "", regex=True),
        codes_of(_column(table, "V00ACCEPT")) != "N",
        codes_of(_column(table, "V00XRCOMP")) != "0",
    )
    for participant, date, barcode, description, accepted, completed in zip(*columns, strict=True):
        yield Claim("xray00.txt", participant, date, barcode, description, True, accepted and completed)


def _reading_claims(table: pd.DataFrame, project: str) -> Iterator[Claim]:
    rows = table[codes_of(table["READPRJ"]).str.removesuffix(".0").replace("42", "37") == project]
    pairs = zip(participants_of(rows["ID"]), barcodes(_column(rows, "V00BARCDBU")), strict=True)
    for participant, barcode in sorted(set(pairs)):
        yield Claim("kxr_sq_bu00.txt", participant, "", barcode, BILATERAL_PA, True)


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    return table[name] if name in table else pd.Series("", index=table.index, dtype=str)
