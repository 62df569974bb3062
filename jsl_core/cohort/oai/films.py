"""The baseline film of each participant: its path, header and lists compared, one chosen among several."""

from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from jsl_core.cohort.oai.claims import Claim, is_baseline_visit, is_bilateral_pa
from jsl_core.cohort.oai.files import Entry, film_path_of
from jsl_core.cohort.oai.findings import Finding
from jsl_core.cohort.oai.headers import Header, read_headers
from jsl_core.cohort.oai.values import barcode_of, date_of
from jsl_core.errors import BadScan

__all__ = ["Film", "find_films"]

_NO_FILMS = (".txt", ".csv", ".asc", ".pdf", ".doc", ".docx", ".xls", ".xlsx", ".sas7bdat", ".sas", ".xml",
             ".html", ".htm", ".json", ".md", ".png", ".jpg", ".zip")  # fmt: skip
_READERS = "kxr_sq_bu00.txt"


@dataclass(frozen=True)
class Film:
    """A baseline bilateral PA film: its name in the release, how it was found, and why it is not used.

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


def find_films(
    entries: Sequence[Entry],
    claims: Mapping[str, Sequence[Claim]],
    jobs: int = 0,
    progress: Callable[[int, int], None] | None = None,
) -> tuple[list[Film], list[Finding]]:
    """Find the baseline bilateral PA films of a release.

    Films that no list names are found by their headers. Each film's path, header and all lists must agree on
    participant, date and barcode; a film whose sources contradict one another is never used.

    Args:
        entries: The files of the release.
        claims: Of the release's lists, by barcode.
        jobs: Processes that read headers, 0 for one per processor core.
        progress: Called with the headers read and the films in all.

    Returns:
        The films, of which at most one per participant has no `reason`; and what is odd.
    """
    candidates = [entry for entry in entries if _may_be_bilateral_pa(entry, claims)]
    films: list[Film] = []
    findings: list[Finding] = []
    for entry, header in zip(candidates, read_headers(candidates, jobs, progress), strict=True):
        path = film_path_of(entry.name)
        listed = claims.get(path.barcode, ())
        if isinstance(header, BadScan):
            if listed:
                films.append(Film(path.participant, entry.name, path.barcode, reason=header.code))
            else:
                findings.append(Finding("no_film", entry.name, str(header)))
        else:
            films += _check_film(entry, header, claims)
    films, shared = _resolve_shared_barcodes(films)
    return _choose_films(films), findings + shared


def _may_be_bilateral_pa(entry: Entry, claims: Mapping[str, Sequence[Claim]]) -> bool:
    if entry.basename.lower().endswith(_NO_FILMS):
        return False
    listed = claims.get(film_path_of(entry.name).barcode)
    return listed is None or any(is_bilateral_pa(claim.description) for claim in listed)


def _check_film(entry: Entry, header: Header, claims: Mapping[str, Sequence[Claim]]) -> list[Film]:
    """The film, with the reason if its sources contradict one another; none if it is of another kind."""
    named = film_path_of(entry.name)
    own = Claim(
        "header",
        header.participant,
        date_of(header.date),
        barcode_of(header.barcode),
        header.description,
        is_baseline_visit(header.time_point),
    )
    path = Claim("path", named.participant, named.date, named.barcode, "", named.baseline)
    barcodes = dict.fromkeys(b for b in (path.barcode, own.barcode) if b)
    listed = [claim for barcode in barcodes for claim in claims.get(barcode, ())]
    sources = [path, own, *listed]
    if not any(is_bilateral_pa(claim.description) for claim in sources) or header.modality == "MR":
        return []
    if all(claim.baseline is not True for claim in sources) and any(
        claim.baseline is False for claim in sources
    ):
        return []  # a film of a later visit
    found_by = listed[0].source if listed else "header"
    participant = path.participant or own.participant or next((c.participant for c in listed), "")
    film = Film(
        participant,
        header.name,
        next(iter(barcodes), ""),
        path.date or own.date,
        "barcode" if found_by in ("xray00.txt", _READERS) else found_by,
        _contradiction(sources),
        all(claim.accepted is not False for claim in sources),
        any(claim.source == _READERS for claim in listed),
    )
    return [film]


def _contradiction(sources: Sequence[Claim]) -> str:
    """The reason's code, or ""."""
    for field in ("participant", "date", "barcode"):
        if len({getattr(claim, field) for claim in sources} - {""}) > 1:
            return f"{field}_contradiction"
    if {claim.baseline for claim in sources} >= {True, False}:
        return "visit_contradiction"
    if any(claim.description.strip() and not is_bilateral_pa(claim.description) for claim in sources):
        return "view_contradiction"
    return "" if any(claim.participant for claim in sources) else "no_participant"


def _resolve_shared_barcodes(films: Sequence[Film]) -> tuple[list[Film], list[Finding]]:
    """One barcode is one film: of two participants both are rejected, of one the second is left out."""
    owners: dict[str, set[str]] = defaultdict(set)
    for film in films:
        owners[film.barcode].add(film.participant)
    resolved: list[Film] = []
    findings: list[Finding] = []
    used: set[tuple[str, str]] = set()
    for film in films:
        key = (film.barcode, film.participant)
        if film.barcode and not film.reason and key in used:
            findings.append(Finding("film_twice", film.file, "lies elsewhere too; that copy is used"))
            continue
        if not film.reason:
            used.add(key)
        shared = film.barcode and len(owners[film.barcode]) > 1
        resolved.append(
            replace(film, reason=film.reason or "barcode_of_two_participants") if shared else film
        )
    return resolved, findings


def _choose_films(films: Sequence[Film]) -> list[Film]:
    """Choose one film per participant: the one that the central readers read, else the newest accepted."""
    by_participant: dict[str, list[Film]] = defaultdict(list)
    for film in films:
        by_participant[film.participant].append(film)
    result: list[Film] = []
    for _, group in sorted(by_participant.items()):
        usable = [film for film in group if not film.reason and (film.accepted or film.read_centrally)]
        best = max(usable, key=lambda film: (film.read_centrally, film.date, film.barcode), default=None)
        for film in group:
            unused = not film.reason and film is not best
            result.append(replace(film, reason=_reason_unused(film)) if unused else film)
    return result


def _reason_unused(film: Film) -> str:
    return "another_film_is_used" if film.accepted else "not_accepted_by_quality_control"
