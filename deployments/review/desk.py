"""What the page shows: one run's entries, their sheet as it is sent, and their thumbnails."""

import gzip
import json
import math
import threading
import time
from collections import defaultdict
from typing import Any

from deployments.review.entry import Entry
from deployments.review.pictures import Thumbnails
from deployments.review.run_tables import find_run, read_run_tables
from deployments.review.saliency import Saliency
from deployments.review.sheet import COLUMNS, HIDDEN_FROM_GRADERS, build_sheet
from jsl_core.cohort.persons import normalise_knee
from jsl_core.review.acts import Subject
from jsl_core.review.corrections import normalise_row
from jsl_core.review.journal import Journal
from jsl_core.storage import Store, digest_of, work_folder
from jsl_core.storage.run_folders import folder_of_run

__all__ = ["Desk", "UnknownKnee"]

_ASK_SECONDS = 5.0  # between two looks for more, however many browsers ask


class UnknownKnee(Exception):
    """The page asks for a knee that the run does not have any more."""


class Desk:
    """One run of a store at a time; safe for threads."""

    def __init__(self, store: Store, run: str, reader: str = "") -> None:
        """Show the run of that name (`latest` for the newest), blindly where a `reader` grades."""
        self.store, self.reader, self._name = store, reader, run
        self.journal = Journal(store)
        self._work = work_folder(store.url)
        self.thumbnails = Thumbnails(store.url, self._work / "review" / "thumbnails")
        self._lock = threading.Lock()
        self.load()

    def load(self) -> None:
        """Read the run as it is now."""
        with self._lock:
            run = find_run(self.store, self._name)
            tables = read_run_tables(self.store, run)
            entries = build_sheet(tables)
            by_film: dict[str, list[Entry]] = defaultdict(list)
            by_knee: dict[str, list[Entry]] = defaultdict(list)
            for entry in entries:
                by_film[entry.file].append(entry)
                if entry.ID:
                    by_knee[normalise_knee(entry.ID)].append(entry)
            self.run, self.by_film, self.by_knee = run, by_film, by_knee
            self.name = folder_of_run(self.store, run.id) or run.name
            self.entries = {entry.key: entry for entry in entries}
            self.saliency = Saliency(self.store, tables, self._work / "trees")
            self.sheet = gzip.compress(self._write_sheet(tables.missing), 5)
            self._asked, self._more = -math.inf, False

    def make_thumbnails(self) -> None:
        """Make the thumbnails that are not there yet, in the background."""
        self.thumbnails.make_all(entry.picture for entry in self.shown_entries() if entry.picture)

    def has_more(self) -> bool:
        """Whether the run has made more since it was read, or, of the latest, a newer one has begun."""
        with self._lock:
            if time.monotonic() - self._asked > _ASK_SECONDS:
                run = find_run(self.store, self._name)
                self._asked = time.monotonic()
                self._more = run.id != self.run.id or len(run.keys) != len(self.run.keys)
            return self._more

    def entry(self, key: str) -> Entry:
        """The entry of a key; UnknownKnee if there is none."""
        try:
            return self.entries[key]
        except KeyError:
            raise UnknownKnee("this knee is not in the run any more; reload the page") from None

    def entries_of(self, subject: Subject) -> list[Entry]:
        """The entries that an act is about."""
        if subject.film:
            return self.by_film.get(subject.film, [])
        knee, name = normalise_knee(subject.knee.partition("@")[0]), normalise_row(subject.knee)
        return [entry for entry in self.by_knee.get(knee, []) if name in (knee, entry.row_name)]

    def visits(self, entry: Entry) -> list[Entry]:
        """The knee on all of its films, in the order of visits and names."""
        knees = self.by_knee[normalise_knee(entry.ID)] if entry.ID else [entry]
        return sorted(knees, key=lambda each: (each.facts.get("visit") or "", each.file))

    def shown_entries(self) -> list[Entry]:
        """All entries; for a grader those with a joint, in an order that is theirs alone."""
        entries = list(self.entries.values())
        if not self.reader:
            return entries
        joints = [entry for entry in entries if entry.ID and not entry.facts["reason"]]
        return sorted(joints, key=lambda entry: digest_of([self.reader, entry.key]))

    def _write_sheet(self, missing: int) -> bytes:
        hidden = HIDDEN_FROM_GRADERS if self.reader else ()
        columns: dict[str, list[Any]] = {name: [] for name in COLUMNS if name not in hidden}
        for entry in self.shown_entries():
            facts = {"key": entry.key, "ID": entry.ID, "film": entry.file, "side": entry.side, **entry.facts}
            facts["picture"] = (
                entry.picture.sha256[:8] if entry.picture else "" if entry.packed is None else "packed"
            )
            if self.reader:  # a name may tell what somebody remembers
                facts |= {"ID": "", "film": ""}
            for name, column in columns.items():
                column.append(facts.get(name))
        head = {
            "run": self.name,
            "flow": self.run.flow,
            "reader": self.reader,
            "version": digest_of([self.run.id, sorted(self.run.keys)])[:12],
            "state": "" if self.run.ended else "at work" if self.run.at_work else "stopped",
            "missing": missing,
            "saliency": self.saliency.regime if self.saliency.is_there and not self.reader else "",
            "columns": columns,
        }
        return json.dumps(head, separators=(",", ":")).encode()
