"""A target folder that is filled by many workers, each output whole and the first of its kind.

Workers write pictures to a staging folder below the target; one process moves them to their names in the
order of the scans. What a scan gave is remembered by its content, so that a second run does nothing.
"""

import hashlib
import os
import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jsl_core import __version__
from jsl_core.errors import BadScan
from jsl_core.imaging.names import Pseudonyms
from jsl_core.imaging.sources import STATE, open_scan
from jsl_core.storage import FolderStore, Memo, write_atomically

__all__ = ["Place", "Row"]

Row = dict[str, Any]


@dataclass(frozen=True)
class Place:
    """Where scans come from, where pictures go, and what files and participants are called there."""

    source: Path
    target: Path
    pseudonyms: Pseudonyms | None

    def alias(self, name: str) -> str:
        """What a file or a participant is called in tables and outputs."""
        return self.pseudonyms(name) if self.pseudonyms else name

    def once(self, file: str, settings: Any, work: Callable[[bytes], list[tuple[Row, bytes]]]) -> list[Row]:
        """The rows that `work` makes of a scan's bytes, its pictures staged; or those remembered of them.

        A `BadScan` becomes the one row of the scan.
        """
        data = open_scan(self.source, file)
        memo = Memo(FolderStore(self.target / STATE), __version__)
        item = [self.alias(file), hashlib.sha256(data).hexdigest(), settings]
        known = memo.get(item)
        if known is not None and all(row["reason"] or self._whole(row) for row in known):
            return known
        try:
            rows = [
                self._staged(row | self._names(file, row["participant"]), picture)
                for row, picture in work(data)
            ]
        except BadScan as error:
            rows = [self._rejected(file, error)]
        memo.put(item, rows)
        return rows

    def settled(
        self,
        files: Sequence[str],
        outcomes: Iterable[list[Row] | BadScan],
        progress: Callable[[int, int], None],
    ) -> list[Row]:
        """All rows in the order of the files, their pictures in place; of duplicates the first is kept."""
        first: dict[str, str] = {}
        settled: list[Row] = []
        for done, (file, outcome) in enumerate(zip(files, outcomes, strict=True), start=1):
            rows = [self._rejected(file, outcome)] if isinstance(outcome, BadScan) else outcome
            settled += [self._settle(row, first) for row in rows]
            progress(done, len(files))
        shutil.rmtree(self._staging, ignore_errors=True)
        return settled

    def _settle(self, row: Row, first: dict[str, str]) -> Row:
        if row["reason"]:
            return row
        staged, file = self._staging / row["sha256"], row["file"]
        for key, sentence in (
            (f"pixels {row['pixels']}", "has the same pixels as {}, which was used"),
            (f"png {row['png']}", "shows the same knee as {}, which was used"),
        ):
            if (other := first.setdefault(key, file)) != file:
                staged.unlink(missing_ok=True)
                return row | {"png": "", "reason": "duplicate", "sentence": sentence.format(other)}
        if staged.exists():
            final = self.target / row["png"]
            final.parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged, final)
        return row

    def _rejected(self, file: str, error: BadScan) -> Row:
        return self._names(file) | {"reason": error.code, "sentence": str(error)}

    def _names(self, file: str, participant: str = "") -> Row:
        row: Row = {"file": self.alias(file)} | (
            {"participant": self.alias(participant)} if participant else {}
        )
        if self.pseudonyms and self.pseudonyms.reveal:
            row["stand_for"] = {self.alias(name): name for name in (file, participant) if name}
        return row

    def _staged(self, row: Row, picture: bytes) -> Row:
        digest = hashlib.sha256(picture).hexdigest()
        with write_atomically(self._staging / digest) as file:
            file.write(picture)
        return row | {"sha256": digest, "reason": "", "sentence": ""}

    def _whole(self, row: Row) -> bool:
        final = self.target / row["png"]
        if final.is_file() and hashlib.sha256(final.read_bytes()).hexdigest() == row["sha256"]:
            return True
        return (self._staging / row["sha256"]).is_file()

    @property
    def _staging(self) -> Path:
        return self.target / STATE / "new"
