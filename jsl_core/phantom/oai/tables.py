"""The release's tables and film lists in the formats of the OAI and the NDA."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence

from jsl_core.phantom.oai.case import VISIT_MONTHS, Case, PlannedFilm, Row

__all__ = ["format_contents_csv", "format_image03", "make_release_tables"]

_XRAY_SIDE = "3: Bilateral"


def make_release_tables(cases: Sequence[Case], clinics_list: bool = True) -> dict[str, bytes]:
    """Make every text table by its path; names and columns in the mixed case of the true release."""
    sq, jsw = (
        "X-Ray Image Assessments_ASCII/Semi-Quant Scoring_ASCII",
        "X-Ray Image Assessments_ASCII/Quant JSW_ASCII",
    )
    clinical = "OAICompleteData_ASCII"
    tables = {
        f"{sq}/KXR_SQ_BU00.txt": _pipe_separated(
            (row for c in cases for row in c.sq), rename=_lower("SIDE", "READPRJ")
        ),
        f"{jsw}/kxr_qjsw_duryea00.txt": _pipe_separated((row for c in cases for row in c.jsw00), end="\r\n"),
        f"{jsw}/kxr_qjsw_duryea06.txt": _pipe_separated(row for c in cases for row in c.jsw06),
        "X-Ray Image Assessments_ASCII/Alignment_ASCII/KXR_FTA_DURYEA00.txt": _pipe_separated(
            row for c in cases for row in c.fta
        ),
        f"{clinical}/Enrollees.txt": _comma_separated(c.enrollee for c in cases if c.enrollee),
        f"{clinical}/AllClinical00.txt": _pipe_separated(
            (c.clinical for c in cases if c.clinical), end="\r\n"
        ),
        f"{clinical}/OUTCOMES99.txt": _pipe_separated(c.outcome for c in cases if c.outcome),
    }
    visits = [case.at_visits for case in cases if case.at_visits]
    for visit in visits[0].sq if visits else ():
        tables[f"{sq}/KXR_SQ_BU{visit}.txt"] = _pipe_separated(
            (row for case in visits for row in case.sq[visit]), rename=_lower("SIDE", f"V{visit}XRKL")
        )
        tables[f"{jsw}/kxr_qjsw_duryea{visit}.txt"] = _pipe_separated(
            (row for case in visits for row in case.jsw[visit]), end="\r\n"
        )
        if any(visit in case.clinical for case in visits):
            tables[f"{clinical}/AllClinical{visit}.txt"] = _pipe_separated(
                case.clinical[visit] for case in visits if visit in case.clinical
            )
    for visit in visits[0].sq if visits else ("00",):
        if clinics_list:
            tables[f"{clinical}/XRay{visit}.txt"] = _pipe_separated(_clinic_rows(cases, visit))
    return tables


def format_contents_csv(films: Iterable[PlannedFilm]) -> bytes:
    """Format the list of an image release, whose barcodes a spreadsheet has stripped of leading zeros."""
    rows = [
        {
            "Folder": f"{film.release}/{film.participant}/{film.taken:%Y%m%d}/{film.barcode}",
            "ParticipantID": film.participant,
            "StudyDate": f"{film.taken:%Y%m%d}",
            "Barcode": str(int(film.barcode)),
            "StudyDescription": _study(film),
            "SeriesDescription": film.description + " ",
        }
        for film in films
        if film.listed
    ]
    return _comma_separated(rows)


def format_image03(films: Iterable[PlannedFilm]) -> bytes:
    """Format the NDA's list: quoted, tab-separated, a second header line, barcodes without leading zero."""
    rows = [
        {
            "subjectkey": f"NDAR_INV{film.participant}",
            "src_subject_id": film.participant,
            "interview_date": f"{film.taken:%m/%d/%Y}",
            "image_file": f"s3://submission/image03/{VISIT_MONTHS[film.taken_at]:02d}m/{film.release}/{film.participant}/"
            f"{film.taken:%Y%m%d}/{film.barcode}.tar.gz",
            "image_description": film.description,
            "visit": f"V{film.taken_at}",
            "accession_number": f"166{film.barcode}",
        }
        for film in films
        if film.listed
    ]
    described = {column: f"The {column} of the record" for column in rows[0]}
    return _format_quoted([described, *rows], "\t").encode("latin-1")


def _clinic_rows(cases: Sequence[Case], visit: str) -> Iterable[Row]:
    for case in cases:
        for film in case.films:
            of_visit = case.at_visits is None or film.taken_at == visit
            if of_visit and film.in_clinic and film.barcode.startswith("0"):
                yield {
                    "ID": film.participant,
                    "VERSION": "25",
                    f"V{visit}XRSIDE": _XRAY_SIDE,
                    f"V{visit}XRDATE": f"{film.taken:%m/%d/%Y}",
                    f"V{visit}EXAMTP": film.description,
                    f"V{visit}XRBARCD": f"0166{film.barcode}",
                    f"V{visit}XRCOMP": "1: Yes",
                    f"V{visit}ACCEPT": f"'{film.accepted}': QC",
                }


def _study(film: PlannedFilm) -> str:
    months = VISIT_MONTHS[film.taken_at]
    return f"OAI^{months} month^Annual Visit" if months else "OAI^Screening^Visit"


def _lower(*names: str) -> Callable[[str], str]:
    return lambda column: column.lower() if column in names else column


def _pipe_separated(rows: Iterable[Row], end: str = "\n", rename: Callable[[str], str] = str) -> bytes:
    listed = list(rows)
    lines = ["|".join(rename(column) for column in listed[0]), *("|".join(row.values()) for row in listed)]
    return (end.join(lines) + end).encode("latin-1")


def _comma_separated(rows: Iterable[Row]) -> bytes:
    return _format_quoted(list(rows), ",").encode("latin-1")


def _format_quoted(rows: Sequence[Row], delimiter: str) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(
        text, list(rows[0]), delimiter=delimiter, quoting=csv.QUOTE_ALL, lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
