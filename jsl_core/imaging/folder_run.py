"""One run over a folder of scans: `jsl convert`, `jsl split` and `jsl crop` without a server.

Workers write pictures to a staging folder below the target; one process moves them to their names in the
order of the scans. What a scan gave is remembered by its content, so that a second run does nothing; but not
whom pseudonyms stand for, so that a run that reveals it reads the scans again.
"""

import csv
import hashlib
import io
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from jsl_core.errors import BadScan, JslError
from jsl_core.imaging.names import DistinctNames, Pseudonyms
from jsl_core.imaging.sources import STATE, read_scan, read_start, walk_scans
from jsl_core.storage import FolderStore, Memo
from jsl_core.system.code_key import code_key
from jsl_core.system.files import write_atomically
from jsl_core.system.parallel import parallel_map
from jsl_core.system.spreadsheet import escape_row

__all__ = ["FolderRun", "Progress", "Row", "write_table"]

Row = dict[str, Any]
Progress = Callable[[int, int], None]
Outcome = list[Row] | BadScan
_SEEN_AT_ONCE = {"not_dicom"}  # reasons that cost less to find again than to remember
_REVEALED = "stand_for"  # a row's pseudonyms and the names behind them


class FileWork(Protocol):
    """What a worker does: a file and its input to the rows of its pictures, which it has staged."""

    def __call__(self, item: tuple[str, Any], /, *, fresh: bool) -> list[Row]:
        """Do it, with `fresh` whatever is remembered of the file."""
        ...


@dataclass(frozen=True)
class FolderRun:
    """Where scans come from, where pictures go, and what files and participants are called there."""

    source: Path
    target: Path
    pseudonyms: Pseudonyms | None = None

    def list_files(self, skip: Callable[[str], bool] = lambda file: False) -> list[str]:
        """List the names of all scans, without what an earlier run put into a target below the source.

        Raises:
            JslError: If there are none but those to `skip`, or if the target is a file.
        """
        if os.path.exists(self.target) and not os.path.isdir(self.target):
            raise JslError(f"{self.target}: is a file; name a folder for the pictures")
        root, own = self.source.absolute(), self.target.absolute()
        files = [scan.name for scan in walk_scans(self.source) if not skip(scan.name)]
        if own != root and own.is_relative_to(root):
            files = [file for file in files if own not in (root / file).parents]
        if not files:
            raise JslError(f"scans {self.source}: there are no films; give the folder that holds them")
        return files

    def alias(self, name: str) -> str:
        """What a file or a participant is called in tables and outputs."""
        return self.pseudonyms(name) if self.pseudonyms else name

    def process(
        self,
        work: FileWork,
        inputs: Mapping[str, Any],
        *,
        jobs: int,
        seconds_per_file: float | None = None,
        progress: Progress,
        check_start: Callable[[bytes], None] = lambda start: None,
    ) -> list[Row]:
        """Do the work on all files in worker processes, and move their pictures to their names.

        Of pictures of one name, and of films of the same pixels, the first is used; names that differ in case
        alone are told apart. A file whose remembered picture has been taken away is worked on afresh.

        Args:
            work: Done in a worker; a `BadScan` it raises is the one row of the file.
            inputs: By file what `work` is given with it.
            jobs: Worker processes; 0 for one per processor core.
            seconds_per_file: Time limit of one file.
            progress: Called with the files done and all files.
            check_start: Raises a `BadScan` where a file begins (see `read_start`) as no scan does; no worker
                is troubled with it.

        Returns:
            All rows, in the order of the files.
        """
        files = list(inputs)
        strays = dict(self._strays(files, check_start))
        items = [item for item in inputs.items() if item[0] not in strays]
        first_files: dict[str, str] = {}
        distinct = DistinctNames()
        rows: dict[int, list[Row]] = {}
        lost: list[int] = []
        outcomes = parallel_map(partial(work, fresh=False), items, jobs, seconds_per_file)
        for number, file in enumerate(files):
            outcome = strays[file] if file in strays else next(outcomes)
            own = [self._without_duplicate(row, first_files) for row in self._rows_of(file, outcome)]
            rows[number] = [row if row["reason"] else row | {"png": distinct(row["png"])} for row in own]
            in_place = [self._move_into_place(row) for row in rows[number]]
            if not all(in_place):
                lost.append(number)
            progress(number + 1, len(files))
        if lost:
            lost_items = [(files[number], inputs[files[number]]) for number in lost]
            outcomes = parallel_map(partial(work, fresh=True), lost_items, jobs, seconds_per_file)
            for number, outcome in zip(lost, outcomes, strict=True):
                if isinstance(outcome, BadScan):
                    rows[number] = self._rows_of(files[number], outcome)
                for row in rows[number]:
                    self._move_into_place(row)
        shutil.rmtree(self._staging, ignore_errors=True)
        with suppress(OSError):
            self._staging.parent.rmdir()  # where nothing is remembered
        return [row for file_rows in rows.values() for row in file_rows]

    def _strays(
        self, files: Iterable[str], check_start: Callable[[bytes], None]
    ) -> Iterator[tuple[str, BadScan]]:
        """The files that begin as no scan does, and why they do not."""
        for file in files:
            start = read_start(self.source, file)
            try:
                if start is not None:
                    check_start(start)
            except BadScan as error:
                yield file, error

    def make_or_recall(
        self, file: str, settings: Any, make: Callable[[bytes], list[tuple[Row, bytes]]], *, fresh: bool
    ) -> list[Row]:
        """The rows that `make` makes of a scan's bytes, its pictures staged; or what is remembered of them.

        A `BadScan` becomes the one row of the scan, and is remembered as such. Pseudonyms that are to be
        revealed are made anew, as whom they stand for is never remembered.
        """
        data = read_scan(self.source, file)
        memo = Memo(FolderStore(self.target / STATE), code_key(make).digest)
        item = [self.alias(file), hashlib.sha256(data).hexdigest(), settings]
        remembered = memo.get(item)
        if remembered is not None and not fresh and not self._reveals:
            return remembered
        try:
            rows = [self.stage(file, row, picture) for row, picture in make(data)]
        except BadScan as error:
            rows = self._rows_of(file, error)
        if any(row["reason"] not in _SEEN_AT_ONCE for row in rows):
            memo.put(item, [{key: row[key] for key in row if key != _REVEALED} for row in rows])
        return rows

    def stage(self, file: str, row: Row, picture: bytes) -> Row:
        """Write a picture, whose name below the target is the row's `png`, and complete its row."""
        row = row | self._names(file, row.get("participant", ""))
        digest = hashlib.sha256(picture).hexdigest()
        # Two knees may have the same pixels, and both are wanted.
        staged_as = hashlib.sha256(f"{digest} {row['png']}".encode()).hexdigest()
        row |= {"sha256": digest, "staged_as": staged_as, "reason": "", "sentence": ""}
        with write_atomically(self._staging / staged_as) as staged:
            staged.write(picture)
        return row

    def write_table(self, name: str, columns: Sequence[str], rows: Iterable[Row]) -> None:
        """Write a CSV table into the target."""
        write_table(self.target / name, columns, rows)

    def _rows_of(self, file: str, outcome: Outcome) -> list[Row]:
        if isinstance(outcome, BadScan):
            return [self._names(file) | {"reason": outcome.code, "sentence": str(outcome)}]
        return outcome

    def _without_duplicate(self, row: Row, first_files: dict[str, str]) -> Row:
        """The row, without its picture where another file's came first: by pixels, or by name."""
        if row["reason"]:
            return row
        for key, sentence in (
            ("pixels", "has the same pixels as {}, which was used"),
            ("png", "shows the same knee as {}, which was used"),
        ):
            if key not in row:
                continue
            first = first_files.setdefault(f"{key} {row[key]}", row["file"])
            if first != row["file"]:
                return row | {"png": "", "reason": "duplicate", "sentence": sentence.format(first)}
        return row

    def _move_into_place(self, row: Row) -> bool:
        """Move a staged picture to its name; whether it is there now, or need not be."""
        if row["reason"]:
            return True
        staged, final = self._staging / row["staged_as"], self.target / row["png"]
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

    @property
    def _staging(self) -> Path:
        return self.target / STATE / "new"


def write_table(path: Path, columns: Sequence[str], rows: Iterable[Row], mode: int = 0o644) -> None:
    """Write these columns of rows as CSV, blank where a row lacks one; no cell is a formula."""
    text = io.StringIO()
    table = csv.DictWriter(text, columns, restval="", extrasaction="ignore", lineterminator="\n")
    table.writeheader()
    table.writerows(map(escape_row, rows))
    with write_atomically(path, mode) as file:
        file.write(text.getvalue().encode())
