"""Everything in a store, checked against what proves it, and mended where that can be.

What can be made again is taken away, so that the next run makes it; what is kept twice is restored from its
other copy; what nothing can bring back is told.
"""

import io
import json
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from pydantic import ValidationError

from jsl_core.storage.artifact import Artifact, sha256_of
from jsl_core.storage.concurrent import map_requests
from jsl_core.storage.history import Step, read_step, write_step
from jsl_core.storage.interface import Store
from jsl_core.storage.kept_twice import COPIES, copy_key
from jsl_core.storage.memo import named_in
from jsl_core.storage.proof import Unproven, seal, unseal
from jsl_core.storage.registry_records import Decision, Version
from jsl_core.storage.results import result_artifacts
from jsl_core.storage.set_aside import DAMAGED

__all__ = ["Finding", "verify_store"]

T = TypeVar("T")

_AGAIN = "the next run that needs it makes it again"


@dataclass(frozen=True)
class Finding:
    """What is wrong under a key, and what was, or would be, done: "" where nothing can be."""

    key: str
    problem: str
    remedy: str

    def __str__(self) -> str:
        return f"{self.key}: {self.problem}; {self.remedy or 'restore it from a backup of the store'}"


def verify_store(
    store: Store, mend: bool, progress: Callable[[int, int], None] = lambda done, total: None
) -> list[Finding]:
    """Check every object and record of a store.

    Args:
        store: A folder's or a bucket's; every byte below `cas/` and of every record is read.
        mend: Whether to do what a finding's remedy says.
        progress: Called with the objects checked and all of them.

    Returns:
        What is wrong.

    Raises:
        StoreError: If the store cannot be read or, with `mend`, not be written.
    """
    return _Check(store, mend, progress).run()


class _Check:
    """One round over a store."""

    def __init__(self, store: Store, mend: bool, progress: Callable[[int, int], None]) -> None:
        self._store, self._mend, self._progress = store, mend, progress
        self._findings: list[Finding] = []
        self._sizes: dict[str, int] = {}  # of whole artifacts, by digest

    def run(self) -> list[Finding]:
        for check in (
            self._kept_twice,  # first, as what follows reads the registry
            self._set_aside,
            self._artifacts,
            self._order,
            self._memos,
            self._results,
            self._histories,
            self._archives,
            self._models,
            self._published,
        ):
            check()
        return self._findings

    def _find(self, key: str, problem: str, remedy: str, mend: Callable[[], object] | None = None) -> None:
        self._findings.append(Finding(key, problem, remedy))
        if self._mend and mend:
            mend()

    def _each(self, work: Callable[[str], T], keys: Sequence[str]) -> Iterator[tuple[str, T]]:
        """Each key with what `work` says of it, several at a time."""
        yield from zip(keys, map_requests(work, keys), strict=True)

    def _kept_twice(self) -> None:
        copies = {key.removeprefix(f"{COPIES}/") for key in self._store.keys(COPIES)}
        own = {
            key
            for folder in ("registry", "landing", "corrections")
            for key in self._store.keys(folder)
            if key.endswith(".json")
        }
        for key in sorted(own | copies):
            first, second = self._store.read(key), self._store.read(copy_key(key))
            if _proven(key, first):
                if not _proven(key, second) and not _is_plain(key, first):
                    self._find(
                        copy_key(key),
                        "is damaged" if second is not None else "is missing",
                        "it is written again from the other copy",
                        partial(self._store.write, copy_key(key), first or b""),
                    )
            elif _proven(key, second):
                self._find(
                    key,
                    "is damaged" if first is not None else "is missing",
                    "it is written again from its copy",
                    partial(self._store.write, key, second or b""),
                )
            else:
                self._find(key, "is damaged", "")
        for key in self._store.keys("registry"):
            if key.endswith("/newest.txt") and not _is_newest(key, self._store.read(key)):
                self._find(key, "is damaged", "the decisions say the same", partial(self._store.delete, key))

    def _artifacts(self) -> None:
        sizes = {key: size for key, size, _ in self._store.sizes("cas") if len(key.split("/")[-1]) == 64}
        for done, (key, digest) in enumerate(self._each(self._store.digest, list(sizes)), start=1):
            name = key[-64:]
            self._progress(done, len(sizes))
            if digest == name:
                self._sizes[name] = sizes[key]
            elif digest is not None:
                aside = f"{DAMAGED}/{name}-verify"
                self._find(
                    key,
                    "is damaged",
                    f"it is set aside, and {_AGAIN}",
                    partial(self._store.move, key, aside),
                )

    def _set_aside(self) -> None:
        """What was set aside and is whole after all goes back; what has been made again is deleted."""
        stored = {key[-64:]: size for key, size, _ in self._store.sizes("cas")}
        for key, size, _ in list(self._store.sizes(DAMAGED)):
            digest = key.partition("/")[2][:64]
            home = f"cas/{digest[:2]}/{digest}"
            if self._store.digest(key) == digest and stored.get(digest) != size:
                self._find(
                    key,
                    "is whole after all",
                    "it goes back",
                    partial(self._store.move, key, home),
                )
            elif digest in stored and self._mend:
                self._store.delete(key)

    def _order(self) -> None:
        key = "scans/order.json"
        data = self._store.read(key)
        if data is not None and not _proven(key, data):
            self._find(key, "is damaged", "the next run begins it anew", partial(self._store.delete, key))

    def _memos(self) -> None:
        keys = list(self._store.keys("memo"))
        for key, data in self._each(self._store.read, keys):
            if data is not None and not _proven(key, data):
                self._find(key, "is damaged", _AGAIN, partial(self._store.delete, key))

    def _results(self) -> None:
        keys = list(self._store.keys("results"))
        whole: dict[str, bool] = {}
        for key, data in self._each(self._store.read, keys):
            if data is None:
                continue
            try:
                named = result_artifacts(unseal(key, data, or_plain=True))
            except Unproven:
                self._find(key, "is damaged", _AGAIN, partial(self._store.delete, key))
                continue
            if absent := self._absent(named, whole):
                problem = f"names {absent[0].name} ({absent[0].key}), which is not whole in the store"
                self._find(key, problem, _AGAIN, partial(self._store.delete, key))

    def _absent(self, named: Sequence[Artifact], whole: dict[str, bool]) -> list[Artifact]:
        """Which of these are not stored whole, or name what is not."""
        for one in named:
            if one.sha256 not in whole:
                whole[one.sha256] = there = self._sizes.get(one.sha256) == one.size
                if there and one.name.endswith(".json"):
                    below = named_in(self._store.read(one.key) or b"")
                    whole[one.sha256] = not self._absent(below, whole)
        return [one for one in named if not whole[one.sha256]]

    def _histories(self) -> None:
        keys = [
            key
            for key in self._store.keys("history")
            if not key.endswith(("/ended.json", "/alive.json", "/stopped.json"))
        ]
        for key, ok in self._each(self._is_history, keys):
            if ok:
                continue
            run, _, rest = key.removeprefix("history/").removesuffix(".json").partition("/")
            stage, _, digest = rest.partition("/")
            if rest == "run":
                blank = seal(key, {"name": run[:8], "flow": ""})
                remedy = "the run goes by its number from now on"
                self._find(key, "is damaged", remedy, partial(self._store.write, key, blank))
            else:
                step = Step(stage=stage, digest=digest, code={}, parameters={})
                remedy = "its result stays, from what it was made is not known any more"
                self._find(
                    key,
                    "is damaged",
                    remedy,
                    partial(write_step, self._store, run, step),
                )

    def _is_history(self, key: str) -> bool:
        run, _, rest = key.removeprefix("history/").removesuffix(".json").partition("/")
        if rest == "run":
            return _proven(key, self._store.read(key))
        return "/" not in rest or read_step(self._store, run, rest) is not None

    def _archives(self) -> None:
        for key, ok in self._each(self._is_archive, list(self._store.keys("archives"))):
            if not ok:
                self._find(
                    key, "is damaged", "single objects hold the same", partial(self._store.delete, key)
                )

    def _is_archive(self, key: str) -> bool:
        data = self._store.read(key) or b""
        try:
            with zipfile.ZipFile(io.BytesIO(data)) as archive:
                return all(sha256_of(archive.open(name))[0] == name for name in archive.namelist())
        except Exception:  # zipfile raises anything at all on damaged archives
            return False

    def _models(self) -> None:
        """Registered models whose files are not all there."""
        whole: dict[str, bool] = {}
        for key in self._store.keys("registry"):
            if "/versions/" not in key:
                continue
            try:
                value = unseal(key, self._store.read(key) or b"", or_plain=True)
                version = Version.model_validate(value)
            except (Unproven, ValidationError):
                continue  # told above
            if absent := self._absent([version.model], whole):
                problem = f"the model's {absent[0].name} ({absent[0].key}) is not whole in the store"
                self._find(key, problem, "")

    def _published(self) -> None:
        """Readable copies against the records of publishing."""
        keys = [key for folder in ("runs", "joints") for key in self._store.keys(folder)]
        for record in [key for key in keys if key.endswith("/published.json")]:
            try:
                digests = dict(json.loads(self._store.read(record) or b""))
            except (ValueError, TypeError, RecursionError):
                remedy = "the next publishing writes it again"
                self._find(record, "is damaged", remedy, partial(self._store.delete, record))
                continue
            for key, digest in self._each(self._store.digest, sorted(map(str, digests))):
                wanted = str(digests[key])
                if digest == wanted:
                    continue
                size = self._sizes.get(wanted)
                problem = "is damaged" if digest else "is missing"
                if size is None:
                    self._find(key, problem, "the next run of these settings publishes it again")
                else:
                    artifact = Artifact(sha256=wanted, size=size, name=key.rpartition("/")[2])
                    self._find(
                        key,
                        problem,
                        "it is published again",
                        partial(self._store.publish, artifact, key),
                    )


def _proven(key: str, data: bytes | None) -> bool:
    """Whether a record is whole; one of an earlier version if it has the fields of its kind."""
    try:
        value = unseal(key, data or b"", or_plain=True)
        for kind, model in (("/versions/", Version), ("/decisions/", Decision)):
            if key.startswith("registry/") and kind in key:
                model.model_validate(value)
    except (Unproven, ValidationError):
        return False
    return True


def _is_plain(key: str, data: bytes | None) -> bool:
    """Whether a record is of an earlier version, which kept no copy."""
    try:
        unseal(key, data or b"")
    except Unproven:
        return True
    return False


def _is_newest(key: str, data: bytes | None) -> bool:
    """Whether a record of the newest decision is whole; earlier versions wrote the bare name."""
    return _proven(key, data) or (data is not None and data.isascii() and len(data) in (23, 24))
