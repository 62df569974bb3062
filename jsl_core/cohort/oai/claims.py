"""Claims about films by the lists of a release: contents.csv, image03.txt, xray00.txt and the readings."""

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from jsl_core.cohort.oai.files import film_path_of
from jsl_core.cohort.oai.specs import visit_after
from jsl_core.cohort.oai.values import barcodes, codes_of, dates_of, participants_of

__all__ = ["BILATERAL_PA", "READERS", "Claim", "claims_by_barcode", "is_bilateral_pa", "visit_named"]

READERS = "kxr_sq_bu"  # how the names of the central readers' tables begin
BILATERAL_PA = "Bilateral PA Fixed Flexion Knee"


@dataclass(frozen=True)
class Claim:
    """What one source says of a film; "" or None where it says nothing.

    `by_place` where it takes the visit from the folder in which the film lies.
    """

    source: str
    participant: str = ""
    date: str = ""
    barcode: str = ""
    description: str = ""
    visit: str = ""
    accepted: bool | None = None
    by_place: bool = False


def is_bilateral_pa(description: str) -> bool:
    """Whether a series' description names the film that the readers read."""
    return " ".join(description.split()).lower() == BILATERAL_PA.lower()


def visit_named(name: str) -> str:
    """The release's number of a visit: of `V06`, `48 month Annual Visit` and `48m` it is `06`.

    Args:
        name: Such as a header's time point; `Screening Visit` and `Baseline` are visit 00.

    Returns:
        "" where the name says nothing, and `18 months` for a visit without bilateral films.
    """
    name = name.strip()
    if months := re.search(r"(\d+)[ -]?month|^(\d+) ?m$", name, re.IGNORECASE):
        return visit_after(int(months[1] or months[2]))
    if number := re.match(r"V?(\d\d)$", name, re.IGNORECASE):
        return number[1]
    return "00" if re.search(r"screening|baseline|enrol", name, re.IGNORECASE) else ""


def claims_by_barcode(
    tables: dict[str, pd.DataFrame], projects: Sequence[str], visits: Sequence[str] = ("00",)
) -> dict[str, list[Claim]]:
    """Collect the claims about each barcode.

    Args:
        tables: The release's tables by name, as `read_tables` gives them.
        projects: The reading projects whose readings count; of each participant those of the first that has
            any. 42 is another name of 37, unless it is named, too.
        visits: Whose tables are asked.

    Returns:
        Claims by barcode; those of CONTENTS come first, then IMAGE03, XRAY and KXR_SQ_BU of each visit.
    """
    claims: dict[str, list[Claim]] = defaultdict(list)
    for claim in _all_claims(tables, projects, visits):
        claims[claim.barcode].append(claim)
    claims.pop("", None)
    return claims


def _all_claims(
    tables: dict[str, pd.DataFrame], projects: Sequence[str], visits: Sequence[str]
) -> Iterator[Claim]:
    for name, listing in (("CONTENTS", _contents_claims), ("IMAGE03", _image_claims)):
        if name in tables:
            yield from listing(tables[name])
    for visit in visits:
        if (name := f"XRAY{visit}") in tables:
            yield from _clinic_claims(tables[name], visit)
    for visit in visits:
        if (name := f"KXR_SQ_BU{visit}") in tables:
            yield from _reading_claims(tables[name], visit, projects)


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
        visit = film_path_of(f"{folder}/").visit
        yield Claim("contents.csv", participant, date, barcode, description, visit, by_place=True)


def _image_claims(table: pd.DataFrame) -> Iterator[Claim]:
    paths = [film_path_of(path.replace("\\", "/")) for path in table["IMAGE_FILE"]]
    columns = (
        participants_of(table["SRC_SUBJECT_ID"]),
        dates_of(_column(table, "INTERVIEW_DATE")),
        barcodes(_column(table, "ACCESSION_NUMBER")),
        table["IMAGE_DESCRIPTION"],
        _column(table, "VISIT").str.strip(),
    )
    for path, participant, date, barcode, description, name in zip(paths, *columns, strict=True):
        if participant:  # the second header line has none
            visit = visit_named(name) if name else path.visit
            barcode = barcode or path.barcode
            yield Claim("image03.txt", participant, date, barcode, description, visit, by_place=not name)


def _clinic_claims(table: pd.DataFrame, visit: str) -> Iterator[Claim]:
    columns = (
        participants_of(table["ID"]),
        dates_of(_column(table, f"V{visit}XRDATE")),
        barcodes(table[f"V{visit}XRBARCD"]),
        table[f"V{visit}EXAMTP"].str.replace(r"^\s*\d+:\s*", "", regex=True),
        codes_of(_column(table, f"V{visit}ACCEPT")) != "N",
        codes_of(_column(table, f"V{visit}XRCOMP")) != "0",
    )
    for participant, date, barcode, description, accepted, completed in zip(*columns, strict=True):
        yield Claim(
            f"xray{visit}.txt", participant, date, barcode, description, visit, accepted and completed
        )


def _reading_claims(table: pd.DataFrame, visit: str, projects: Sequence[str]) -> Iterator[Claim]:
    codes = codes_of(table["READPRJ"]).str.removesuffix(".0")
    if "42" not in projects:
        codes = codes.replace("42", "37")
    read = pd.DataFrame(
        {
            "participant": participants_of(table["ID"]),
            "barcode": barcodes(_column(table, f"V{visit}BARCDBU")),
            "rank": codes.map({project: rank for rank, project in enumerate(projects)}),
        }
    )
    read = read[read["rank"].notna() & (read["barcode"] != "")]
    read = read[read["rank"] == read.groupby("participant")["rank"].transform("min")]
    pairs = set(zip(read["participant"], read["barcode"], strict=True))
    for participant, barcode in sorted(pairs):
        yield Claim(f"{READERS}{visit}.txt", participant, "", barcode, BILATERAL_PA, visit)


def _column(table: pd.DataFrame, name: str) -> pd.Series:
    return table[name] if name in table else pd.Series("", index=table.index, dtype=str)
