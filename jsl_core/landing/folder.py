"""Scans that land in a folder."""

import os
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from jsl_core.errors import JslError
from jsl_core.imaging.sources import scans_in_file, walk_paths
from jsl_core.landing.ledger import LandedFile
from jsl_core.scans.listing import scan_artifact
from jsl_core.storage import Artifact

__all__ = ["FolderLanding", "scans_in"]


class FolderLanding:
    """A folder on a disk that all workers share."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder.absolute()
        self._paths: dict[str, Path] = {}  # not every name on a disk is printable

    @property
    def url(self) -> str:
        """The folder's absolute path."""
        return str(self._folder)

    def files(self) -> list[LandedFile]:
        """The entries there now but folders, by name; hidden ones are still being copied.

        Links to nothing, pipes and folders that cannot be opened are among them: reading says what they are.

        Raises:
            JslError: If there is no such folder.
        """
        if not self._folder.is_dir():
            raise JslError(f"scans {self._folder}: no such folder; give the folder in which scans land")
        return sorted(self._walk(), key=lambda file: file.name)

    def _walk(self) -> Iterator[LandedFile]:
        for path, name in walk_paths(self._folder):
            # Copying programs write under a name that begins with a dot, and rename what is whole.
            hidden = any(part.startswith(".") for part in PurePosixPath(name).parts)
            if not hidden and (file := self._landed(path, name)):
                yield file

    def _landed(self, path: Path, name: str) -> LandedFile | None:
        try:
            status = os.stat(path) if os.path.exists(path) else os.lstat(path)
        except OSError:  # it has just gone
            return None
        stamp = f"{status.st_mtime_ns}-{status.st_ino}"
        self._paths[name] = path
        return LandedFile(name=name, size=status.st_size, stamp=stamp)

    def scans(self, file: LandedFile) -> list[Artifact] | None:
        """The scans in a file by their content; None if it is another by now."""
        path = self._paths[file.name]
        scans = scans_in(path, file.name)
        return scans if self._landed(path, file.name) == file else None


def scans_in(path: Path, name: str) -> list[Artifact] | None:
    """The scan in a file, or those in an archive, that is called `name`; None if it has gone."""
    if not os.path.lexists(path):
        return None
    try:
        return [scan_artifact(scan) for scan in scans_in_file(path, name)]
    except OSError:
        return None
