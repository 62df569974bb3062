"""The film of each participant and visit: its path, header and lists compared, one chosen among several."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from jsl_core.cohort.oai.claims import READERS, Claim, is_bilateral_pa, visit_named
from jsl_core.cohort.oai.files import Entry, film_path_of
from jsl_core.cohort.oai.findings import Finding
from jsl_core.cohort.oai.headers import Header, read_headers
from jsl_core.cohort.oai.specs import MONTHS_OF
from jsl_core.cohort.oai.values import barcode_of, date_of
from jsl_core.errors import BadScan

__all__ = ["Film", "find_films", "resolve_shared_barcodes"]

_NO_FILMS = (".txt", ".csv", ".asc", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".sas7bdat", ".sas", ".xml",
             ".html", ".htm", ".json", ".md", ".png", ".jpg", ".zip")  # fmt: skip


@dataclass(frozen=True)
class Film:
    """A bilateral PA film: its name in the release, how it was found, and why it is not used.

    `participant` of a contradictory film is the one whose folder it lies in, or whose name it bears.
    """

    participant: str
    file: str
    barcode: str = ""
    date: str = ""
    how: str = ""
    reason: str = ""
    accepted: bool = True
    read_centrally: bool = False
    visit: str = "00"


def find_films(
    entries: Sequence[Entry],
    claims: Mapping[str, Sequence[Claim]],
    jobs: int = 0,
    progress: Callable[[int, int], None] | None = None,
    visits: Sequence[str] = (),
) -> tuple[list[Film], list[Finding]]:
    """Find the bilateral PA films of a release.

    Films that no list names are found by their headers. Each film's path, header and all lists must agree on
    participant, date, barcode and visit; a film whose sources contradict one another is never used.

    Args:
        entries: The files of the release.
        claims: Of the release's lists, by barcode.
        jobs: Processes that read headers, 0 for one per processor core.
        progress: Called with the headers read and the films in all.
        visits: Those whose films are wanted, by the release's numbers. Without them it is baseline, a film of
            which nothing tells the visit is taken for one, and folders are believed also in the screening
            package.

    Returns:
        The films, of which at most one per participant and visit has no `reason`; and what is odd.
    """
    candidates = [entry for entry in entries if _may_be_bilateral_pa(entry, claims)]
    films: list[Film] = []
    findings: list[Finding] = []
    for entry, header in zip(candidates, read_headers(candidates, jobs, progress), strict=True):
        path = film_path_of(entry.name)
        listed = claims.get(path.barcode, ())
        if isinstance(header, BadScan):
            if listed:
                visit = next((v for v in (path.visit, *(c.visit for c in listed)) if v), "")
                film = Film(path.participant, entry.name, path.barcode, reason=header.code)
                films.append(replace(film, visit=visit) if visits else film)
            else:
                findings.append(Finding("no_film", entry.name, str(header)))
        else:
            films += _check_film(entry, header, claims, bool(visits))
    films, shared = resolve_shared_barcodes(films)
    if visits:
        films = [film for film in films if film.visit in (*visits, "")]
    return _choose_films(films), findings + shared


def _may_be_bilateral_pa(entry: Entry, claims: Mapping[str, Sequence[Claim]]) -> bool:
    if entry.basename.lower().endswith(_NO_FILMS):
        return False
    listed = claims.get(film_path_of(entry.name).barcode)
    return listed is None or any(is_bilateral_pa(claim.description) for claim in listed)


def _check_film(
    entry: Entry, header: Header, claims: Mapping[str, Sequence[Claim]], all_visits: bool
) -> list[Film]:
    """The film, with the reason if its sources contradict one another; none if it is of another kind."""
    named = film_path_of(entry.name)
    own = Claim(
        "header",
        header.participant,
        date_of(header.date),
        barcode_of(header.barcode),
        header.description,
        visit_named(header.time_point),
    )
    path = Claim("path", named.participant, named.date, named.barcode, "", named.visit, by_place=True)
    barcodes = dict.fromkeys(b for b in (path.barcode, own.barcode) if b)
    listed = [claim for barcode in barcodes for claim in claims.get(barcode, ())]
    sources = [path, own, *listed]
    if not any(is_bilateral_pa(claim.description) for claim in sources) or header.modality == "MR":
        return []
    claimed = _visits_claimed(sources, named.screening and all_visits)
    wanted = claimed & (MONTHS_OF.keys() if all_visits else {"00"})
    if claimed and not wanted:
        return []  # a film of another visit
    found_by = listed[0].source if listed else "header"
    participant = path.participant or own.participant or next((c.participant for c in listed), "")
    film = Film(
        participant,
        header.name,
        next(iter(barcodes), ""),
        path.date or own.date,
        "barcode" if found_by.startswith(("xray", READERS)) else found_by,
        _contradiction(sources, claimed) or ("no_visit" if all_visits and not claimed else ""),
        all(claim.accepted is not False for claim in sources),
        any(claim.source.startswith(READERS) for claim in listed),
        next((claim.visit for claim in sources if claim.visit in wanted), "") if all_visits else "00",
    )
    return [film]


def _visits_claimed(sources: Sequence[Claim], screening: bool) -> set[str]:
    """The visits that the sources tell; in the screening package a folder's goes behind all others."""
    own = {claim.visit for claim in sources if not claim.by_place} - {""}
    return own if own and screening else {claim.visit for claim in sources} - {""}


def _contradiction(sources: Sequence[Claim], visits: set[str]) -> str:
    """The reason's code, or ""."""
    for field in ("participant", "date", "barcode"):
        if len({getattr(claim, field) for claim in sources} - {""}) > 1:
            return f"{field}_contradiction"
    if len(visits) > 1:
        return "visit_contradiction"
    if any(claim.description.strip() and not is_bilateral_pa(claim.description) for claim in sources):
        return "view_contradiction"
    return "" if any(claim.participant for claim in sources) else "no_participant"


def resolve_shared_barcodes(films: Sequence[Film]) -> tuple[list[Film], list[Finding]]:
    """One barcode is one film: of two people or visits both are rejected, of one the second is left out.

    Args:
        films: In the order in which copies go before others.

    Returns:
        The films without second copies, of which there is a finding each.
    """
    owners: dict[str, set[tuple[str, str]]] = defaultdict(set)
    for film in films:
        owners[film.barcode].add((film.participant, film.visit))
    resolved: list[Film] = []
    findings: list[Finding] = []
    used: set[tuple[str, str, str]] = set()
    for film in films:
        key = (film.barcode, film.participant, film.visit)
        if film.barcode and not film.reason and key in used:
            findings.append(Finding("film_twice", film.file, "lies elsewhere too; that copy is used"))
            continue
        if not film.reason:
            used.add(key)
        shared = len(owners[film.barcode]) > 1 if film.barcode else False
        people = {participant for participant, _ in owners[film.barcode]}
        reason = "barcode_of_two_participants" if len(people) > 1 else "barcode_of_two_visits"
        resolved.append(replace(film, reason=film.reason or reason) if shared else film)
    return resolved, findings


def _choose_films(films: Sequence[Film]) -> list[Film]:
    """Choose one film per participant and visit: the one that the readers read, else the newest accepted."""
    of_visit: dict[tuple[str, str], list[Film]] = defaultdict(list)
    for film in films:
        of_visit[film.participant, film.visit].append(film)
    result: list[Film] = []
    for _, group in sorted(of_visit.items()):
        usable = [film for film in group if not film.reason and (film.accepted or film.read_centrally)]
        best = max(usable, key=lambda film: (film.read_centrally, film.date, film.barcode), default=None)
        for film in group:
            unused = not film.reason and film is not best
            result.append(replace(film, reason=_reason_unused(film)) if unused else film)
    return result


def _reason_unused(film: Film) -> str:
    return "another_film_is_used" if film.accepted else "not_accepted_by_quality_control"
