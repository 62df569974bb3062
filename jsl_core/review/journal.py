"""The journal of a store's corrections: every act is a record that is written once and never changed.

Acts on one subject form a chain: each names the one that it was made upon. Of two that were made upon the
same one, by people who could not see each other's, the one of the lower name counts, which every reader can
tell alone, and whoever wrote the other one is told. That needs no conditional write, which many buckets
ignore, only that writing a key is atomic. Beside the records lies `corrections.csv`, the same for people,
written anew after each act.
"""

import hashlib
import math
import threading
import time
from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

from jsl_core.errors import StoreError
from jsl_core.review.acts import Act, Subject
from jsl_core.review.corrections_file import TABLE, format_acts
from jsl_core.storage import Store
from jsl_core.storage.kept_twice import read_record, write_record
from jsl_core.storage.memo import digest_of

__all__ = ["Conflict", "Journal", "NamedAct"]

_FOLDER = "corrections/acts"
_REQUESTS = 16  # at a time
_FRESH_SECONDS = 1.0  # for which what was listed is believed: a page asks for it again and again


class NamedAct(Act):
    """An act of the journal, by its name, and whether it counts or another one was first."""

    name: str
    counts: bool = True


class Conflict(StoreError):
    """Somebody else has changed the same meanwhile; `latest` is their act, None where it was taken back."""

    def __init__(self, latest: NamedAct | None) -> None:
        """Say who was first."""
        who = f"{latest.who} at {latest.when[11:16]} UTC" if latest else "somebody"
        super().__init__(f"changed meanwhile by {who}; look at it, then change it again")
        self.latest = latest


class Journal:
    """The acts of one store. Safe for threads; several processes may write to the same store."""

    def __init__(self, store: Store) -> None:
        """Read and write the journal of this store; nothing is read yet."""
        self._store = store
        self._lock = threading.Lock()
        self._records: dict[str, Act] = {}  # by key: a record never changes
        self._acts: list[NamedAct] = []
        self._listed = -math.inf

    def acts(self) -> list[NamedAct]:
        """All acts in the order of their times; those that others wrote within a second may be missing.

        Raises:
            StoreError: If a record is damaged in both places.
        """
        with self._lock:
            fresh = time.monotonic() - self._listed < _FRESH_SECONDS
            return self._acts if fresh else self._read_all()

    def append(self, subject: Subject, value: str, who: str, upon: str, undoes: str = "") -> NamedAct:
        """Append an act; it is never older than the one that it was made upon, whatever the clocks say.

        Args:
            subject: What it is about.
            value: What holds from now on; blank to take a correction back.
            who: The reviewer.
            upon: The name of the last act on the subject that the reviewer has seen; blank for none.
            undoes: The name of the act that is taken back; its `before` is then the value.

        Returns:
            The act; the same act again where nothing would change.

        Raises:
            Conflict: If that is not the last one any more.
            ValueError: If the value is none of its kind, or nothing can be undone.
        """
        with self._lock:
            chain = _chain(self._of(subject))
            if (chain[-1].name if chain else "") != upon:
                raise Conflict(chain[-1] if chain else None)
            if undoes:
                if not chain or chain[-1].name != undoes:
                    raise Conflict(chain[-1] if chain else None)
                value = chain[-1].before
            before = chain[-1].value if chain else ""
            now = max([datetime.now(UTC), *(datetime.fromisoformat(act.when) for act in chain[-1:])])
            act = Act(
                subject=subject, value=value, before=before, who=who,
                when=now.isoformat(timespec="milliseconds"), after=upon, undoes=undoes,
            )  # fmt: skip
            if value == before and chain and not undoes:
                return chain[-1]
            name = _name_of(act, len(chain) + 1, now)
            key = f"{_FOLDER}/{_folder_of(subject)}/{name}.json"
            write_record(self._store, key, act.model_dump(mode="json"))
            self._records[key] = act
            acts = self._read_all()
            self._store.write(TABLE, format_acts(acts))
        written = next(each for each in acts if each.name == name and each.subject == subject)
        if not written.counts:
            chain = _chain(each for each in acts if each.subject == subject)
            raise Conflict(chain[-1] if chain else None)
        return written

    def _of(self, subject: Subject) -> list[NamedAct]:
        return [act for act in self._read_all() if act.subject == subject]

    def _read_all(self) -> list[NamedAct]:
        keys = [key for key in self._store.keys(_FOLDER) if key.endswith(".json")]
        new_keys = [key for key in keys if key not in self._records]
        with ThreadPoolExecutor(_REQUESTS) as pool:
            records = pool.map(lambda key: read_record(self._store, key, Act.model_validate), new_keys)
            new = {key: act for key, act in zip(new_keys, records, strict=True) if act is not None}
        self._records |= new
        self._listed = time.monotonic()
        if len(self._acts) != len(self._records):
            self._acts = _order(self._records)
        return self._acts


def _order(records: Mapping[str, Act]) -> list[NamedAct]:
    """Acts by time, with their names and whether they count; `records` are by key."""
    rivals: dict[str, list[NamedAct]] = {}
    for key, act in records.items():
        folder, _, name = key.removesuffix(".json").rpartition("/")
        rivals.setdefault(folder, []).append(NamedAct(name=name, **act.model_dump()))
    acts = []
    for of_subject in rivals.values():
        names = {act.name for act in _chain(of_subject)}
        acts += [act.model_copy(update={"counts": act.name in names}) for act in of_subject]
    return sorted(acts, key=lambda act: (act.when, act.name))


def _chain(acts: Iterable[NamedAct]) -> list[NamedAct]:
    """The acts on one subject that count, oldest first."""
    first_upon: dict[str, NamedAct] = {}
    for act in sorted(acts, key=lambda act: act.name):
        first_upon.setdefault(act.after, act)
    return _follow_chain(first_upon)


def _follow_chain(first_upon: Mapping[str, NamedAct]) -> list[NamedAct]:
    chain: list[NamedAct] = []
    name = ""
    while act := first_upon.get(name):
        chain.append(act)
        name = act.name
    return chain


def _folder_of(subject: Subject) -> str:
    """Where acts on a subject lie: no name of a film or knee stands in a key."""
    return f"{digest_of(subject.model_dump(mode='json'))[:24]}"


def _name_of(act: Act, number: int, now: datetime) -> str:
    """Sorts by place in the chain, then by time, so that of two at once the earlier one counts."""
    digest = hashlib.sha256(act.model_dump_json().encode()).hexdigest()
    return f"{number:06d}-{int(now.timestamp() * 1000):014d}-{digest[:12]}"
