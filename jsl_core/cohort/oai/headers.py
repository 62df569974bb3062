"""Film headers: the few elements that identify a film; pixels and most of the header are never read."""

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
    """What a header says of a film, "" where it has no such element; `name` is the film's full name."""

    name: str
    participant: str
    date: str
    barcode: str
    description: str
    modality: str
    time_point: str


HeaderOrError = Header | BadScan


def read_headers(
    entries: Sequence[Entry], jobs: int = 0, progress: Callable[[int, int], None] | None = None
) -> list[HeaderOrError]:
    """Read the headers of films in folders and archives.

    Args:
        entries: The films.
        jobs: Processes that read them, 0 for one per processor core.
        progress: Called with the headers read and the films in all.

    Returns:
        A header for each entry in their order, or a BadScan where a file is no DICOM file or damaged.
    """
    chunks = list(_split_into_chunks(entries))
    if len(chunks) == 1:
        jobs = 1  # starting processes would take longer
    headers: list[HeaderOrError] = []
    for chunk, chunk_headers in zip(chunks, parallel_map(_read_chunk, chunks, jobs or cores()), strict=True):
        headers += [chunk_headers] * len(chunk) if isinstance(chunk_headers, BadScan) else chunk_headers
        if progress:
            progress(len(headers), len(entries))
    return headers


def _split_into_chunks(entries: Sequence[Entry]) -> Iterator[list[Entry]]:
    """Chunks of neighbours; a tar, which can only be read from its beginning, is one chunk."""
    for tar, group in groupby(entries, key=lambda e: e.path if e.in_tar and e.member else None):
        together = list(group)
        size = len(together) if tar else _CHUNK
        for start in range(0, len(together), size):
            yield together[start : start + size]


def _read_chunk(entries: list[Entry]) -> list[HeaderOrError]:
    """Read the headers of a chunk, opening each archive once for the entries that stand together."""
    unreadable = BadScan("unreadable", "the file cannot be read from its disk or archive")
    result: list[HeaderOrError] = []
    for path, group in groupby(entries, key=lambda entry: entry.path):
        together = list(group)
        by_member: dict[str, HeaderOrError] = {}
        with suppress(Exception):  # zipfile and tarfile raise anything at all on damaged archives
            for member, name, file in _open_entries(path, together):
                by_member[member] = _read_header(file, name)
        result += [by_member.get(entry.member, unreadable) for entry in together]
    return result


def _open_entries(path: Path, entries: list[Entry]) -> Iterator[tuple[str, str, IO[bytes]]]:
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


def _read_header(file: IO[bytes], name: str) -> HeaderOrError:
    try:
        ds = read_partial(file, stop_when=_is_beyond_trial, specific_tags=list(_TAGS))  # type: ignore[arg-type]
        values = [_text(ds, tag) for tag in _TAGS]
    except Exception:  # pydicom raises anything at all on damaged files
        return BadScan("not_dicom", "the file is no DICOM file, or its header is damaged")
    if not any(values):
        return BadScan("not_dicom", "the header is cut off before it says whose film it is")
    date, accession, modality, description, patient, time_point = values
    return Header(name, patient, date, accession, description, modality, time_point)


def _text(ds: Any, tag: BaseTag) -> str:
    return str(ds[tag].value or "").strip() if tag in ds else ""


def _is_beyond_trial(tag: BaseTag, _vr: str | None, _length: int) -> bool:
    return tag.group > _LAST_GROUP
