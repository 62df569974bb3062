"""A target folder that is filled by many workers, each output whole and the first of its kind.

Workers write pictures to a staging folder below the target; one process moves them to their names in the
order of the scans. What a scan gave is remembered by its content, so that a second run does nothing; but not
whom pseudonyms stand for, so that a run that tells it reads the scans again.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsl_core import __version__
from jsl_core.errors import BadScan, JslError
from jsl_core.imaging.names import Pseudonyms
from jsl_core.imaging.sources import STATE, open_scan
from jsl_core.storage import FolderStore, Memo
from jsl_core.system.files import write_atomically

__all__ = ["Place", "Progress", "Row"]

Row = dict[str, Any]
_REVEALED = "stand_for"  # a row's pseudonyms and the names behind them
Outcome = list[Row] | BadScan
Work = Callable[[bytes], list[tuple[Row, bytes]]]
Progress = Callable[[int, int], None]


@dataclass(frozen=True)
class Place:
    """Where scans come from, where pictures go, and what files and participants are called there."""

    source: Path
    target: Path
    pseudonyms: Pseudonyms | None

    def alias(self, name: str) -> str:
        """What a file or a participant is called in tables and outputs."""
        return self.pseudonyms(name) if self.pseudonyms else name

    def once(self, file: str, settings: Any, work: Work, fresh: bool) -> list[Row]:
        """The rows that `work` makes of a scan's bytes, its pictures staged; or what is remembered of them.

        A `BadScan` becomes the one row of the scan. `fresh` does the work whatever is remembered; so do
        pseudonyms that are to be revealed, as whom they stand for is never remembered.
        """
        data = open_scan(self.source, file)
        memo = Memo(FolderStore(self.target / STATE), __version__)
        item = [self.alias(file), hashlib.sha256(data).hexdigest(), settings]
        known = memo.get(item)
        if known is not None and not fresh and not self._reveals:
            return known
        try:
            made = work(data)
            rows = [self._staged(row | self._names(file, row["participant"]), png) for row, png in made]
        except BadScan as error:
            rows = [self._rejected(file, error)]
        memo.put(item, [{key: row[key] for key in row if key != _REVEALED} for row in rows])
        return rows

    def fill(
        self, files: Sequence[str], do: Callable[[Sequence[int], bool], Iterable[Outcome]], progress: Progress
    ) -> list[Row]:
        """All rows in the order of the files, their pictures in place; of duplicates the first is kept.

        `do` yields the outcomes of the files of those numbers; it is asked a second time, for fresh ones,
        where somebody took away a picture that was made before.
        """
        first: dict[str, str] = {}
        rows: dict[int, list[Row]] = {}
        lost: list[int] = []
        for number, outcome in enumerate(do(range(len(files)), False)):
            made = [self._rejected(files[number], outcome)] if isinstance(outcome, BadScan) else outcome
            rows[number] = [self._first_of_its_kind(row, first) for row in made]
            placed = [self._in_place(row) for row in rows[number]]
            if not all(placed):
                lost.append(number)
            progress(number + 1, len(files))
        for number, outcome in zip(lost, do(lost, True) if lost else (), strict=True):
            if isinstance(outcome, BadScan):
                rows[number] = [self._rejected(files[number], outcome)]
            for row in rows[number]:
                self._in_place(row)
        shutil.rmtree(self._staging, ignore_errors=True)
        return [row for made in rows.values() for row in made]

    def _first_of_its_kind(self, row: Row, first: dict[str, str]) -> Row:
        if row["reason"]:
            return row
        for key, sentence in (
            (f"pixels {row['pixels']}", "has the same pixels as {}, which was used"),
            (f"png {row['png']}", "shows the same knee as {}, which was used"),
        ):
            if (other := first.setdefault(key, row["file"])) != row["file"]:
                return row | {"png": "", "reason": "duplicate", "sentence": sentence.format(other)}
        return row

    def _in_place(self, row: Row) -> bool:
        """Move a staged picture to its name; whether it is there now, or need not be."""
        if row["reason"]:
            return True
        staged, final = self._staging / row["sha256"], self.target / row["png"]
        if staged.exists():
            try:
                final.parent.mkdir(parents=True, exist_ok=True)
                os.replace(staged, final)
            except OSError as error:
                raise JslError(
                    f"{final}: cannot be written ({error.strerror}); choose another target"
                ) from None
            return True
        return final.is_file() and hashlib.sha256(final.read_bytes()).hexdigest() == row["sha256"]

    def _rejected(self, file: str, error: BadScan) -> Row:
        return self._names(file) | {"reason": error.code, "sentence": str(error)}

    def _names(self, file: str, participant: str = "") -> Row:
        row: Row = {"file": self.alias(file)} | (
            {"participant": self.alias(participant)} if participant else {}
        )
        if self._reveals:
            row[_REVEALED] = {self.alias(name): name for name in (file, participant) if name}
        return row

    @property
    def _reveals(self) -> bool:
        return self.pseudonyms is not None and self.pseudonyms.reveal

    def _staged(self, row: Row, picture: bytes) -> Row:
        digest = hashlib.sha256(picture).hexdigest()
        with write_atomically(self._staging / digest) as file:
            file.write(picture)
        return row | {"sha256": digest, "reason": "", "sentence": ""}

    @property
    def _staging(self) -> Path:
        return self.target / STATE / "new"
