"""The cohort of an OAI release."""

from collections.abc import Callable, Sequence
from pathlib import Path

import pandas as pd

from jsl_core.cohort.oai.claims import claims_by_barcode
from jsl_core.cohort.oai.files import list_entries
from jsl_core.cohort.oai.films import Film, find_films
from jsl_core.cohort.oai.findings import Finding
from jsl_core.cohort.oai.join import join_tables
from jsl_core.cohort.oai.labels import label_progression
from jsl_core.cohort.oai.readings import project_for
from jsl_core.cohort.oai.schema import check_cohort
from jsl_core.cohort.oai.screening import Cohort, screen
from jsl_core.cohort.oai.specs import CONTENTS, IMAGES, specs_for, specs_for_visits
from jsl_core.cohort.oai.tables import read_all_files, read_tables
from jsl_core.cohort.oai.values import participants_of
from jsl_core.cohort.oai.visit_readings import PROJECTS
from jsl_core.cohort.oai.visits import screen_visits, visits_read
from jsl_core.config import OaiSettings
from jsl_core.errors import BadTable

__all__ = ["read_release"]

_COMPLETE = {"ALLCLINICAL00", "OUTCOMES99"}  # tables that name everyone who is enrolled


def read_release(
    release: Path, settings: OaiSettings, progress: Callable[[int, int], None] | None = None
) -> Cohort:
    """Make the cohort of an OAI release in folders, zips, or a mixture; nothing is unpacked.

    Args:
        release: A folder or an archive.
        settings: The follow-up and the loss that counts as progression.
        progress: Called with the film headers read and the films in all.

    Raises:
        BadTable: If there are neither KL grades nor joint space widths, two different files of one table and
            version, no knee left, or no table of the replacements that are to be predicted.
    """
    entries, findings = list_entries(release)
    visits = tuple(sorted(settings.visits))
    specs = specs_for(settings.followup_months)
    if visits:
        specs = specs_for_visits(visits_read(settings), visits)
    tables, table_findings = read_tables(entries, specs)
    findings += table_findings
    if not any(name.startswith(("KXR_SQ_BU", "KXR_QJSW_DURYEA")) for name in tables):
        wrong_visits = "".join(f" ({f.where} {f.sentence})" for f in findings if f.kind == "wrong_visit")
        raise BadTable(
            f"{release}: no usable kxr_sq_bu00.txt or kxr_qjsw_duryea00.txt{wrong_visits}; "
            "download the OAI's X-ray image assessments (ASCII)"
        )
    if settings.outcome == "replacement" and "OUTCOMES99" not in tables:
        raise BadTable(
            f"{release}: no usable outcomes99.txt, so that replaced knees cannot be told from others; add "
            "the OAI's outcomes (ASCII), or choose another outcome"
        )
    findings += _find_incomplete(tables)
    for spec in (CONTENTS, IMAGES):
        listing, table_findings = read_all_files(entries, spec)
        findings += table_findings
        if listing is not None:
            tables[spec.name] = listing
    projects = PROJECTS if visits else (project_for(settings.followup_months),)
    claims = claims_by_barcode(tables, projects, visits or ("00",))
    films, film_findings = find_films(entries, claims, settings.jobs, progress, visits)
    findings += film_findings
    if visits:
        return check_cohort(screen_visits(tables, films, findings, settings))
    knees, reasons = join_tables(tables, settings.followup_months)
    labels = label_progression(knees, settings.progression_mm, settings.followup_months, settings.replaced)
    films, unmatched = _match_films(films, set(knees["participant"]))
    return check_cohort(screen(knees, reasons, labels, films, sorted([*findings, *unmatched])))


def _find_incomplete(tables: dict[str, pd.DataFrame]) -> list[Finding]:
    """Find tables that do not name everyone who is enrolled, such as one cut off between two rows."""
    if "ENROLLEES" not in tables:
        return []
    enrolled = set(participants_of(tables["ENROLLEES"]["ID"])) - {""}
    findings = []
    for name in sorted(_COMPLETE & tables.keys()):
        absent = len(enrolled - set(participants_of(tables[name]["ID"])))
        if absent:
            sentence = f"does not name {absent} of {len(enrolled)} enrolled; if that is many, copy it again"
            findings.append(Finding("incomplete_table", f"{name.lower()}.txt", sentence))
    return findings


def _match_films(films: Sequence[Film], participants: set[str]) -> tuple[list[Film], list[Finding]]:
    """Keep the films of participants in the tables; a finding for those in one of the two only."""
    if not films:
        sentence = "the release holds no films; knees are not excluded for want of one"
        return [], [Finding("no_scans", "release", sentence)]
    findings: list[Finding] = []
    matched: list[Film] = []
    for film in films:
        if film.participant in participants:
            matched.append(film)
        else:
            findings.append(Finding("scan_without_table", film.file, "no table names this participant"))
    for name in sorted(participants - {film.participant for film in matched}):
        matched.append(Film(name, "", reason="no_film"))
        findings.append(Finding("participant_without_scan", name, "in the tables, but there is no film"))
    return sorted(matched, key=lambda film: (film.participant, film.file)), findings
