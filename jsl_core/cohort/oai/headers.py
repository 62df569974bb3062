"""The few header elements that tell whose film it is; pixels and most of the header are never read."""

import io
import tarfile
import zipfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import IO, Any

from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag

from jsl_core.cohort.oai.files import DAMAGED, IN_ARCHIVE, Entry
from jsl_core.errors import BadScan
from jsl_core.system.parallel import cores, parallel_map

__all__ = ["Header", "read_headers"]

_STUDY_DATE, _ACCESSION, _MODALITY = Tag(0x0008, 0x0020), Tag(0x0008, 0x0050), Tag(0x0008, 0x0060)
_DESCRIPTION, _PATIENT_ID, _TIME_POINT = Tag(0x0008, 0x103E), Tag(0x0010, 0x0020), Tag(0x0012, 0x0051)
_TAGS = [_STUDY_DATE, _ACCESSION, _MODALITY, _DESCRIPTION, _PATIENT_ID, _TIME_POINT]
_LAST_GROUP = 0x0012  # identification, patient and trial; what follows is acquisition and pixels
_BUFFER = 1 << 14  # pydicom reads a few bytes at a time, which is slow from within a zip
_CHUNK = 100  # files a worker takes at once


@dataclass(frozen=True)
class Header:
    """Whose film an entry is by its header; blank where it is silent. `name` is the film's full name."""

    name: str
    participant: str
    date: str
    barcode: str
    description: str
    modality: str
    time_point: str


Answer = Header | BadScan


def read_headers(
    entries: Sequence[Entry], jobs: int = 0, progress: Callable[[int, int], None] | None = None
) -> list[Answer]:
    """The headers of films in folders and archives, in the entries' order.

    `jobs` processes read them (0: one a core). A file that is no DICOM file, or is damaged, is a BadScan in
    its place.
    """
    chunks = list(_chunks(entries))
    if len(chunks) == 1:
        jobs = 1  # starting processes would take longer
    answers: list[Answer] = []
    for chunk, answer in zip(chunks, parallel_map(_read_chunk, chunks, jobs or cores()), strict=True):
        answers += [answer] * len(chunk) if isinstance(answer, BadScan) else answer
        if progress:
            progress(len(answers), len(entries))
    return answers


def _chunks(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Neighbours together; all that lies in one tar, which can only be read from its beginning."""
    for tar, group in groupby(entries, key=lambda e: e.path if e.kind == "tar" and e.member else None):
        together = list(group)
        size = len(together) if tar else _CHUNK
        for start in range(0, len(together), size):
            yield together[start : start + size]


def _read_chunk(entries: list[Entry]) -> list[Answer]:
    """Each archive is opened once for all of its neighbours in the chunk."""
    answers: list[Answer] = []
    for _, group in groupby(entries, key=lambda entry: entry.path):
        together = list(group)
        reader = {"file": _in_folder, "zip": _in_zip, "tar": _in_tar}[together[0].kind]
        try:
            found = reader(together)
        except DAMAGED:
            found = {}
        lost = BadScan("unreadable", "the file cannot be read from its disk or archive")
        answers += [found.get(entry.member, lost) for entry in together]
    return answers


def _in_folder(entries: list[Entry]) -> dict[str, Answer]:
    with entries[0].path.open("rb") as file:
        return {"": _header(file, entries[0].name)}


def _in_zip(entries: list[Entry]) -> dict[str, Answer]:
    found: dict[str, Answer] = {}
    with zipfile.ZipFile(entries[0].path) as archive:
        for entry in entries:
            with archive.open(entry.member) as member:
                found[entry.member] = _header(io.BufferedReader(member, _BUFFER), entry.name)  # type: ignore[type-var]
    return found


def _in_tar(entries: list[Entry]) -> dict[str, Answer]:
    """The members asked for; of a series' own archive the first, and no byte further."""
    wanted = {entry.member: entry for entry in entries}
    found: dict[str, Answer] = {}
    with tarfile.open(entries[0].path) as tar:
        for member in tar:
            file = tar.extractfile(member) if member.isfile() else None
            if file and "" in wanted:
                return {"": _header(file, f"{entries[0].name}{IN_ARCHIVE}{member.name.removeprefix('./')}")}
            if file and member.name in wanted:
                found[member.name] = _header(file, wanted[member.name].name)
    return found


def _header(file: IO[bytes], name: str) -> Answer:
    try:
        ds = read_partial(file, stop_when=_beyond, specific_tags=list(_TAGS))  # type: ignore[arg-type]
        values = [_text(ds, tag) for tag in _TAGS]
    except Exception:  # pydicom raises anything at all on damaged files
        return BadScan("not_dicom", "the file is no DICOM file, or its header is damaged")
    if not any(values):
        return BadScan("not_dicom", "the header is cut off before it says whose film it is")
    date, accession, modality, description, patient, time_point = values
    return Header(name, patient, date, accession, description, modality, time_point)


def _text(ds: Any, tag: BaseTag) -> str:
    return str(ds[tag].value or "").strip() if tag in ds else ""


def _beyond(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group > _LAST_GROUP
