"""The few header elements that tell whose film it is; pixels and most of the header are never read."""

import io
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import IO, Any

from pydicom.filereader import read_partial
from pydicom.tag import BaseTag, Tag

from jsl_core.cohort.oai.files import Entry
from jsl_core.errors import BadScan
from jsl_core.system.archives import IN_ARCHIVE, archive_members, stream_members
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
    for tar, group in groupby(entries, key=lambda e: e.path if e.in_tar and e.member else None):
        together = list(group)
        size = len(together) if tar else _CHUNK
        for start in range(0, len(together), size):
            yield together[start : start + size]


def _read_chunk(entries: list[Entry]) -> list[Answer]:
    """Each archive is opened once for all of its neighbours in the chunk."""
    lost = BadScan("unreadable", "the file cannot be read from its disk or archive")
    answers: list[Answer] = []
    for path, group in groupby(entries, key=lambda entry: entry.path):
        together = list(group)
        headers: dict[str, Answer] = {}
        with suppress(Exception):  # zipfile and tarfile raise anything at all on damaged archives
            for member, name, file in _opened(path, together):
                headers[member] = _header(file, name)
        answers += [headers.get(entry.member, lost) for entry in together]
    return answers


def _opened(path: Path, entries: list[Entry]) -> Iterator[tuple[str, str, IO[bytes]]]:
    """Member, name and open file of each entry in one file or archive, until the next is asked for.

    Of a series' own archive that is its first file, and no byte further.
    """
    names = {entry.member: entry.name for entry in entries}
    if not entries[0].member and not entries[0].in_tar:
        with path.open("rb") as file:
            yield "", entries[0].name, file
    elif not entries[0].in_tar:
        members = archive_members(path, descend=_never)
        for member, name in names.items():
            with members[member].open() as packed:
                yield member, name, io.BufferedReader(packed, _BUFFER)  # type: ignore[type-var]
    else:
        for streamed in stream_members(path):
            if "" in names:
                with streamed.open() as file:
                    yield "", f"{entries[0].name}{IN_ARCHIVE}{streamed.name}", file
                return
            if streamed.name in names:
                with streamed.open() as file:
                    yield streamed.name, names[streamed.name], file


def _never(_member: str) -> bool:
    return False


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
