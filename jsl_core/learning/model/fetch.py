"""Takes a model from an archive that the user names: a file, or an address on the web."""

import hashlib
import re
import shutil
import tempfile
import urllib.error
import urllib.request
import zipfile
from pathlib import Path, PurePosixPath
from typing import IO

from jsl_core.errors import BadSettings, BundleError
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.learning.model.grader_record import RECORD
from jsl_core.system.archives import is_archive, stream_members

__all__ = ["fetch_model"]

_WEB = ("http://", "https://")
_LARGEST = 2 << 30  # bytes of an archive
_PIECE = 1 << 20
_SECONDS = 30.0  # without an answer
_ROOTS = ("bundle.json", RECORD)


def fetch_model(source: str, dst: Path, sha256: str) -> str:
    """Fetch a model, check its digest, judge it, and put it into a folder.

    Args:
        source: Path or http(s) address of a zip or tar archive that holds one bundle or grader.
        dst: The folder, which must not be there yet.
        sha256: Of the archive, 64 hexadecimal digits.

    Returns:
        What it is, in a few words.

    Raises:
        BadSettings: The digest is none, or `dst` is there already.
        BundleError: The archive cannot be fetched, is another, or holds no model that can be used.
    """
    if not re.fullmatch(r"[0-9a-fA-F]{64}", sha256):
        raise BadSettings(f"--sha256 {sha256}: not a SHA-256; give the 64 digits that the publisher tells")
    if dst.exists():
        raise BadSettings(f"{dst}: is there already; name a new folder")
    name = PurePosixPath(source.split("?")[0]).name
    if not is_archive(name):
        raise BundleError(f"{source}: neither a zip nor a tar; pack the model's folder into one")
    try:
        dst.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=dst.parent, prefix=".fetch-") as work:
            archive = Path(work, name)
            digest = _copy(source, archive)
            if digest != sha256.lower():
                raise BundleError(f"{source}: its SHA-256 is {digest}, not the one given; ask its publisher")
            folder = _unpack(archive, Path(work, "model"), source)
            model = Ensemble.load([folder], "cpu").members[0].bundle
            folder.rename(dst)
    except OSError as error:
        raise BundleError(f"{dst}: cannot be written ({error.strerror or error}); name another") from error
    return f"a model of regime {model.regime}"


def _copy(source: str, archive: Path) -> str:
    """Copy a file or an address into a file, and return its SHA-256."""
    digest, total = hashlib.sha256(), 0
    try:
        with _open(source) as stream, archive.open("wb") as file:
            while piece := stream.read(_PIECE):
                total += len(piece)
                if total > _LARGEST:
                    raise BundleError(f"{source}: has more than {_LARGEST >> 30} GiB; that is no model")
                digest.update(piece)
                file.write(piece)
    except (urllib.error.URLError, OSError, ValueError) as error:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or "no answer"
        raise BundleError(f"{source}: cannot be fetched ({reason}); check the name") from error
    return digest.hexdigest()


def _open(source: str) -> IO[bytes]:
    if source.startswith(_WEB):
        answer: IO[bytes] = urllib.request.urlopen(source, timeout=_SECONDS)
        return answer
    return Path(source.removeprefix("file://")).open("rb")


def _unpack(archive: Path, folder: Path, source: str) -> Path:
    """Unpack a model's files, without the folder that they lie in."""
    folder.mkdir()
    root = ""
    try:
        names = [member.name for member in stream_members(archive)]
        roots = [name for name in names if PurePosixPath(name).name in _ROOTS]
        if not roots:
            raise BundleError(f"{source}: holds neither bundle.json nor {RECORD}; is it a model's archive?")
        root = min((str(PurePosixPath(name).parent) for name in roots), key=len)
        for member in stream_members(archive):
            path = PurePosixPath(member.name)
            if root not in (".", *map(str, path.parents)):
                continue
            target = folder / (path if root == "." else path.relative_to(root))
            target.parent.mkdir(parents=True, exist_ok=True)
            with member.open() as content, target.open("wb") as file:
                shutil.copyfileobj(content, file, _PIECE)
    except (OSError, EOFError, RuntimeError, NotImplementedError, zipfile.BadZipFile) as error:
        raise BundleError(f"{source}: a damaged or locked archive; fetch it again") from error
    return folder
