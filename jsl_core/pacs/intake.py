"""What becomes of one received object: kept, known already, ignored as JSL's own, or not understood."""

import csv
import io
import threading
from dataclasses import dataclass
from pathlib import Path

import pydicom
from pydicom import Dataset, uid

from jsl_core.errors import BadTable, StoreError
from jsl_core.imaging import Pseudonyms
from jsl_core.imaging.folder_run import write_table
from jsl_core.imaging.own_results import is_own_result
from jsl_core.imaging.tags import text
from jsl_core.pacs.deidentify import deidentify, names_behind
from jsl_core.pacs.inbox import Inbox
from jsl_core.pacs.uids import is_uid
from jsl_core.system.spreadsheet import unescape_cell

__all__ = ["FILM_CLASSES", "Intake", "Outcome"]

# What may be a film: the quality gate says later what is one.
FILM_CLASSES = (
    uid.ComputedRadiographyImageStorage,
    uid.DigitalXRayImageStorageForPresentation,
    uid.DigitalXRayImageStorageForProcessing,
    uid.XRayRadiofluoroscopicImageStorage,
    uid.SecondaryCaptureImageStorage,
)
# PS3.4 table B.2-1 and PS3.7 annex C.
SUCCESS, NO_ROOM, MISMATCH, NOT_UNDERSTOOD, NO_SUCH_CLASS = 0x0000, 0xA700, 0xA900, 0xC000, 0x0122
_LANDED = "landed"
_COLUMNS = ["pseudonym", "name"]  # of the table of which pseudonym stands for whom


@dataclass(frozen=True)
class Outcome:
    """What became of an object: the status to answer with, and a few words that name nobody."""

    status: int
    words: str
    uid: str = ""

    @property
    def accepted(self) -> bool:
        """Whether the sender may forget it."""
        return self.status == SUCCESS

    @property
    def has_landed(self) -> bool:
        """Whether it has landed just now."""
        return self.words == _LANDED

    @property
    def is_for_later(self) -> bool:
        """Whether it may be taken later, when there is room."""
        return self.status == NO_ROOM


class Intake:
    """Takes objects into an inbox; safe to use from several threads."""

    def __init__(self, inbox: Inbox, pseudonyms: Pseudonyms | None = None, mapping: Path | None = None):
        """Take into an inbox.

        Args:
            inbox: Where films land.
            pseudonyms: With them films are de-identified before they land.
            mapping: The table of which pseudonym stands for whom, for its owner's eyes.
        """
        self._inbox, self._pseudonyms, self._mapping = inbox, pseudonyms, mapping
        self._names = _read_mapping(mapping) if mapping else {}
        self._lock = threading.Lock()

    def take(self, data: bytes, named: str = "") -> Outcome:
        """Take a DICOM file; it is on the disk when this returns an outcome that is accepted.

        Args:
            data: The file's bytes.
            named: The SOP instance UID that the sender named, blank where it named none.
        """
        if not self._inbox.has_room(len(data)):
            return Outcome(NO_ROOM, "refused: the disk is short of room")
        try:
            header = pydicom.dcmread(io.BytesIO(data), stop_before_pixels=True)
            own = text(header, "SOPInstanceUID")
            is_result = is_own_result(header)
        except Exception:  # pydicom raises anything at all on damaged files
            return Outcome(NOT_UNDERSTOOD, "refused: the data set cannot be read")
        if not is_uid(own):
            return Outcome(NOT_UNDERSTOOD, "refused: the data set names no SOP instance UID")
        if named not in ("", own):
            return Outcome(MISMATCH, "refused: the data set has another SOP instance UID than was named")
        if is_result:
            return Outcome(SUCCESS, "ignored: a result of JSL itself", own)
        if text(header, "SOPClassUID") not in FILM_CLASSES:
            return Outcome(NO_SUCH_CLASS, "refused: an object of a kind that is no film", own)
        try:
            if self._pseudonyms:
                own, data = self._deidentify(data, header, self._pseudonyms)
            is_new = self._inbox.keep(own, data)
        except StoreError as error:
            return Outcome(NO_ROOM, f"refused: {error}")
        except Exception as error:
            return Outcome(NOT_UNDERSTOOD, f"refused: cannot be de-identified ({type(error).__name__})")
        return Outcome(SUCCESS, _LANDED if is_new else "known already", own)

    def _deidentify(self, data: bytes, header: Dataset, pseudonyms: Pseudonyms) -> tuple[str, bytes]:
        ds = deidentify(pydicom.dcmread(io.BytesIO(data)), pseudonyms)
        ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID
        ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID
        file = io.BytesIO()
        pydicom.dcmwrite(file, ds, enforce_file_format=True)
        if self._mapping:
            self._remember(names_behind(header, pseudonyms))
        return str(ds.SOPInstanceUID), file.getvalue()

    def _remember(self, names: dict[str, str]) -> None:
        with self._lock:
            if names.items() <= self._names.items() or self._mapping is None:
                return
            self._names |= names
            rows = [dict(zip(_COLUMNS, row, strict=True)) for row in sorted(self._names.items())]
            write_table(self._mapping, _COLUMNS, rows, mode=0o600)


def _read_mapping(path: Path) -> dict[str, str]:
    """Read names by pseudonym, as an earlier start wrote them.

    Raises:
        BadTable: If the file is another table, which is not touched.
    """
    if not path.exists():
        return {}
    with path.open(newline="", encoding="utf-8-sig") as file:
        header, *rows = [row for row in csv.reader(file) if row] or [[]]
    if header != _COLUMNS or any(len(row) != len(_COLUMNS) for row in rows):
        raise BadTable(
            f"{path}: not a CSV of the columns {' and '.join(_COLUMNS)}; name the one that jsl wrote, or a "
            "new file"
        )
    return {alias: unescape_cell(name) for alias, name in rows}
