"""The small artifacts that one table names as one object: a zip file, stored, each member under its digest.

Its key follows from the table's digest and its bytes from the members', so that writing it is idempotent. Any
zip tool opens it; its directory, at its end, lets a single member be read by range.
"""

import io
import zipfile
from collections.abc import Callable, Iterable, Iterator, Mapping

from jsl_core.storage.artifact import Artifact
from jsl_core.storage.interface import Store

__all__ = ["archive_key", "read_members", "write_archive"]


def archive_key(table: Artifact) -> str:
    """The key of a table's archive in a store."""
    return f"archives/{table.sha256[:2]}/{table.sha256}.zip"


def write_archive(store: Store, table: Artifact, members: Iterable[Artifact]) -> None:
    """Write the archive of a table to the store, in which its members must be."""
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_STORED) as archive:
        for member in sorted({one.sha256: one for one in members}.values(), key=lambda one: one.sha256):
            archive.writestr(zipfile.ZipInfo(member.sha256), store.get(member))  # dated 1980, always
    store.write(archive_key(table), file.getvalue())


def read_members(
    read: Callable[[str], bytes | None], table: Artifact, wanted: Mapping[str, Artifact]
) -> Iterator[tuple[Artifact, bytes]]:
    """Read from a table's archive those of the wanted artifacts that it holds whole.

    Args:
        read: `Store.read` of the store.
        table: The table.
        wanted: Artifacts by digest.

    Yields:
        An artifact and its bytes.
    """
    data = read(archive_key(table))
    if data is None:
        return
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            for name in archive.namelist():
                if name in wanted and Artifact.of_bytes(content := archive.read(name), name).sha256 == name:
                    yield wanted[name], content
    except Exception:  # zipfile raises anything at all on damaged archives
        return  # the archive is a copy: what it does not yield is read object by object
