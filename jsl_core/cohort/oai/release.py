"""From a release to the cohort."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from jsl_core.cohort.oai.claims import claims_by_barcode
from jsl_core.cohort.oai.files import list_entries
from jsl_core.cohort.oai.films import Film, find_films
from jsl_core.cohort.oai.findings import Finding
from jsl_core.cohort.oai.join import join
from jsl_core.cohort.oai.labels import progression
from jsl_core.cohort.oai.readings import project_for
from jsl_core.cohort.oai.schema import checked
from jsl_core.cohort.oai.screening import Cohort, screen
from jsl_core.cohort.oai.specs import CONTENTS, IMAGES, specs_for
from jsl_core.cohort.oai.tables import read_every, read_tables
from jsl_core.cohort.oai.values import participants_of
from jsl_core.config import OaiSettings
from jsl_core.errors import BadTable

__all__ = ["read_release"]

_OF_EVERYONE = {"ALLCLINICAL00", "OUTCOMES99"}


def read_release(
    release: Path, settings: OaiSettings, progress: Callable[[int, int], None] | None = None
) -> Cohort:
    """The cohort of an OAI release in folders, zips, or a mixture; nothing is unpacked.

    `progress` is told how many films' headers of how many are read. Raises BadTable if there are neither KL
    grades nor joint space widths, two different files of one table and version, or no knee left.
    """
    entries, findings = list_entries(release)
    tables, found = read_tables(entries, specs_for(settings.followup_months))
    findings += found
    if not tables.keys() & {"KXR_SQ_BU00", "KXR_QJSW_DURYEA00"}:
        told = "".join(f" ({f.where} {f.sentence})" for f in findings if f.kind == "wrong_visit")
        raise BadTable(
            f"{release}: no usable kxr_sq_bu00.txt or kxr_qjsw_duryea00.txt{told}; "
            "download the OAI's X-ray image assessments (ASCII)"
        )
    findings += _incomplete(tables)
    knees, why = join(tables, settings.followup_months)
    labels = progression(knees, settings.progression_mm, settings.followup_months)
    for spec in (CONTENTS, IMAGES):
        listing, found = read_every(entries, spec)
        findings += found
        if listing is not None:
            tables[spec.name] = listing
    claims = claims_by_barcode(tables, project_for(settings.followup_months))
    films, found = find_films(entries, claims, settings.jobs, progress)
    films, unmatched = _matched(films, set(knees["participant"]))
    return checked(screen(knees, why, labels, films, sorted([*findings, *found, *unmatched])))


def _incomplete(tables: dict[str, pd.DataFrame]) -> list[Finding]:
    """Tables that should name everyone who is enrolled and do not, such as one cut between two rows."""
    if "ENROLLEES" not in tables:
        return []
    enrolled = set(participants_of(tables["ENROLLEES"]["ID"])) - {""}
    findings = []
    for name in sorted(_OF_EVERYONE & tables.keys()):
        absent = len(enrolled - set(participants_of(tables[name]["ID"])))
        if absent:
            sentence = f"does not name {absent} of {len(enrolled)} enrolled; if that is many, copy it again"
            findings.append(Finding("incomplete_table", f"{name.lower()}.txt", sentence))
    return findings


def _matched(films: Sequence[Film], participants: set[str]) -> tuple[list[Film], list[Finding]]:
    """Films against tables: who is in one of the two only."""
    if not films:
        sentence = "the release holds no films; knees are not excluded for want of one"
        return [], [Finding("no_scans", "release", sentence)]
    findings: list[Finding] = []
    kept: list[Film] = []
    for film in films:
        if film.participant in participants:
            kept.append(film)
        else:
            findings.append(Finding("scan_without_table", film.file, "no table names this participant"))
    for who in sorted(participants - {film.participant for film in kept}):
        kept.append(Film(who, "", reason="no_film"))
        findings.append(Finding("participant_without_scan", who, "in the tables, but there is no film"))
    return sorted(kept, key=lambda film: (film.participant, film.file)), findings
