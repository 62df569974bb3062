"""The corrections that hold after all acts, and which of them a run has use for."""

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from jsl_core.cohort.columns import GRADE, VISIT, row_names
from jsl_core.cohort.persons import normalise_knee
from jsl_core.errors import StoreError
from jsl_core.review.acts import OF_FILMS, Act, Kind, Subject, parse_value
from jsl_core.review.correction import Correction, fits
from jsl_core.review.corrections_file import TABLE, format_acts, parse_acts, read_acts
from jsl_core.review.journal import Journal
from jsl_core.storage import Store

__all__ = ["FROM_STORE", "Corrections", "load_corrections", "normalise_row", "snapshot_corrections"]

_SNAPSHOT = "store:"  # and the digest of a corrections.csv among the store's artifacts
FROM_STORE = "store"  # instead of a file: the journal of the run's own store

_OF_CONVERT = ("turn", "polarity")
_OF_SPLIT = ("sides", "box", "margins", "exclude")


@dataclass(frozen=True)
class Corrections:
    """What holds after all acts.

    Attributes:
        films: By the film's name.
        grades: KL grade by knee, or row of a table with several visits, and by film, the last one last.
        knees: Reasons of knees that are left out, by knee: for tables whose rows name pictures.
        notes: How many notes there are.
        stale: Kinds of corrections that were made on other pixels than the newest ones of their film.
    """

    films: Mapping[str, Correction] = field(default_factory=dict)
    grades: Mapping[str, Mapping[str, int]] = field(default_factory=dict)
    knees: Mapping[str, str] = field(default_factory=dict)
    notes: int = 0
    stale: Sequence[Kind] = ()

    @classmethod
    def of(cls, acts: Iterable[Act]) -> "Corrections":
        """Lay acts over one another: the last one on each subject holds, unless it takes one back."""
        last: dict[tuple[str, ...], dict[str, Act]] = {}  # by what is changed, then by the film's pixels
        for act in acts:
            changed, pixels = _changed_by(act.subject), act.subject.pixels
            before = last.pop(changed, {})  # to its end: what came last of all also stands last
            others = {key: each for key, each in before.items() if pixels and key not in ("", pixels)}
            last[changed] = others | {pixels: act}
        holding = [act for by_pixels in last.values() for act in by_pixels.values() if act.value]
        newest = {act.subject.film: act.subject.pixels for act in holding if act.subject.pixels}
        films: dict[str, Correction] = {}
        stale: list[Kind] = []
        grades: dict[str, dict[str, int]] = {}
        knees: dict[str, str] = {}
        for act in holding:
            subject, value = act.subject, parse_value(act.subject.what, act.value)
            if subject.what == "grade":
                grades.setdefault(normalise_row(subject.knee), {})[subject.film] = value
            elif subject.what == "exclude" and subject.knee:
                knees[normalise_row(subject.knee)] = value
            if subject.what not in (*_OF_CONVERT, *_OF_SPLIT) or not subject.film:
                continue
            if subject.pixels not in ("", newest.get(subject.film, "")):
                stale.append(subject.what)
                continue
            film = films.setdefault(subject.film, {"pixels": newest.get(subject.film, "")})
            if subject.what in OF_FILMS:
                film[subject.what] = value
            else:
                film.setdefault(subject.what, {})[str(subject.side)] = value
        notes = sum(act.subject.what == "note" for act in holding)
        return cls(films, grades, knees, notes, stale)

    def for_convert(self, files: Iterable[str]) -> dict[str, Correction]:
        """What turns the pictures of these films, by name; empty where nothing does."""
        return self._of_stage(files, _OF_CONVERT)

    def for_split(self, files: Iterable[str]) -> dict[str, Correction]:
        """What changes the knees of these films, by name; empty where nothing does."""
        return self._of_stage(files, _OF_SPLIT)

    def lay_over_table(
        self, table: pd.DataFrame, visits: Mapping[str, str], *, leave_out: bool
    ) -> pd.DataFrame:
        """A cohort table, as `read_cohort` makes it, with the grades as corrected; the same where none is.

        Args:
            table: The table.
            visits: The visit of each film, where the table has several rows a knee.
            leave_out: Whether knees that are left out go from the table, as no film tells that they are.
        """
        excluded = [name in self.knees for name in row_names(table)]
        if leave_out and any(excluded):
            table = table[[not out for out in excluded]]
        grades = pd.Series([self._grade_of(row, visits) for row in _rows(table)], table.index, dtype=float)
        if not grades.notna().any():
            return table
        return table.assign(**{GRADE: grades.where(grades.notna(), table[GRADE])})

    def _grade_of(self, row: tuple[str, str], visits: Mapping[str, str]) -> float | None:
        """The grade of a table's row, by its knee and visit; None where nobody has corrected it."""
        knee, visit = row
        corrected = self.grades.get(f"{knee}@{visit}", {}) if visit else {}
        corrected = corrected or {
            film: grade
            for film, grade in self.grades.get(knee, {}).items()
            if not visit or not film or visits.get(film) == visit
        }
        return float(list(corrected.values())[-1]) if corrected else None

    def tally(self, films: Iterable[Mapping[str, Any]], knees: Iterable[str]) -> dict[str, int]:
        """Count the corrections of each kind that a run has made use of.

        Args:
            films: Rows of the convert stage.
            knees: The knees of its table.

        Returns:
            Counts by kind; `stale` are those made on other pixels than the film now has, `unknown` those of
            films and knees that the run does not have. Kinds without any are left out.
        """
        pixels = {row["file"]: row.get("pixels", "") for row in films}
        counts: Counter[str] = Counter({"stale": len(self.stale), "note": self.notes})
        for film, correction in self.films.items():
            for what, value in correction.items():
                number = len(value) if isinstance(value, dict) else 1
                if what == "pixels":
                    continue
                if film not in pixels:
                    counts["unknown"] += number
                elif not fits(correction, pixels[film]):
                    counts["stale"] += number
                else:
                    counts[what] += number
        table = set(knees)
        for row, by_film in self.grades.items():
            counts["grade" if row.partition("@")[0] in table else "unknown"] += len(by_film)
        for row in self.knees if not pixels else ():
            counts["exclude" if row.partition("@")[0] in table else "unknown"] += 1
        return {what: number for what, number in sorted(counts.items()) if number}

    def _of_stage(self, files: Iterable[str], kinds: Sequence[str]) -> dict[str, Correction]:
        chosen = {}
        for file in files:
            film = self.films.get(file, {})
            own = {what: film[what] for what in kinds if what in film}
            if own:
                chosen[file] = {"pixels": film["pixels"]} | own
        return chosen


def _changed_by(subject: Subject) -> tuple[str, ...]:
    """What acts on a subject change, whatever its knee is called and whichever pixels the film has.

    So a row written by hand with film and side alone takes back what a page has drawn.
    """
    if subject.knee and (subject.what in ("grade", "reading", "note") or not subject.film):
        return subject.what, subject.film, normalise_row(subject.knee), subject.reader
    return subject.what, subject.film, str(subject.side)


def normalise_row(name: str) -> str:
    """A knee's ID, or the name of a row of a table with several visits, as `row_names` has it."""
    knee, sign, visit = name.partition("@")
    return normalise_knee(knee) + sign + visit


def _rows(table: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """The knee and the visit of each row; a blank visit where there are none."""
    visits = table[VISIT].astype(str) if VISIT in table else [""] * len(table)
    return zip(table["ID"], visits, strict=True)


def load_corrections(source: str, store: Store) -> Corrections:
    """Load the corrections of a run.

    Args:
        source: A `corrections.csv`; `store` for what the run's own store has; what `snapshot_corrections` has
            returned; blank for none.
        store: The run's.

    Raises:
        BadTable: If the file is none.
        StoreError: If a record of the store is damaged.
    """
    return Corrections.of(_acts_of(source, store)) if source else Corrections()


def snapshot_corrections(source: str, store: Store) -> str:
    """Store the acts as they are now, so that all parts of a run, on any machine, lay over the same ones.

    Arguments and errors are those of `load_corrections`.

    Returns:
        The source of the snapshot; blank where there are no acts.
    """
    if not source or source.startswith(_SNAPSHOT):
        return source
    acts = _acts_of(source, store)
    return f"{_SNAPSHOT}{store.put(format_acts(acts), TABLE).sha256}" if acts else ""


def _acts_of(source: str, store: Store) -> list[Act]:
    if source == FROM_STORE:
        return [act for act in Journal(store).acts() if act.counts]
    if not source.startswith(_SNAPSHOT):
        return read_acts(Path(source))
    digest = source.removeprefix(_SNAPSHOT)
    data = store.read(f"cas/{digest[:2]}/{digest}")
    if data is None or hashlib.sha256(data).hexdigest() != digest:
        raise StoreError(f"store {store.url}: the corrections of this run are gone; start the run again")
    return parse_acts(data)
