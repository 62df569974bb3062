"""What outputs are called: after the source, or by keyed pseudonyms.

IDs and file names hold anything. In the name of an output each byte but `A-Z a-z 0-9 . _ - !` is written
%XX, as in web addresses (RFC 3986, 2.1), so that `decode_name`, or any tool for them, gives it back.
"""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from urllib.parse import unquote_to_bytes

__all__ = [
    "DistinctNames",
    "Pseudonyms",
    "decode_name",
    "encode_name",
    "output_names",
    "participant_in_name",
    "stem",
]

_SAFE = frozenset(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-!")
_RESERVED = {  # by Windows, with any suffix
    *("con", "prn", "aux", "nul"),
    *(f"{port}{number}" for port in ("com", "lpt") for number in range(10)),
}
_LONGEST = 200  # bytes of an encoded name: a disk takes 255, and `_1`, a mark and a suffix follow
_LONGEST_PATH = 1000  # far below what systems take
_DIGEST, _MARK = 32, 8  # hexadecimal digits behind a `~`, which no encoded name has otherwise
_SUFFIX = re.compile(r"\.(?=[^.]*[A-Za-z])[A-Za-z0-9]{1,5}$")  # `.dcm`, but not the last number of a UID
_PACKED = re.compile(r"\.(gz|bz2|xz)$", re.IGNORECASE)
_OAI_PATH = re.compile(r"(?:^|/)(\d{7})/\d{8}/\d{8}/\d{3}$")  # <ID>/<date>/<barcode>/001
_COUNTER = re.compile(r"[A-Za-z]{0,5}[-_ ]?\d{1,4}")  # 001, IM0007: names that say nothing


@dataclass(frozen=True)
class Pseudonyms:
    """Keyed names: the same for the same name and key, and nothing to learn from without the key.

    With `reveal`, rows say whom their pseudonyms stand for, so that a mapping can be written.
    """

    key: bytes = field(repr=False)
    reveal: bool = False

    def __call__(self, name: str) -> str:
        """The pseudonym of a name: 64 bits of its HMAC-SHA-256."""
        return "P" + hmac.new(self.key, _as_bytes(name), hashlib.sha256).hexdigest()[:16]


def encode_name(name: str) -> str:
    """Encode an ID or a file's name as a name that every disk takes; `decode_name` gives it back.

    A name that a disk would hide, cut or refuse (`..`, `-rf`, `CON.1`) has its first or last letter written
    %XX, too. One that is too long is cut and ends in `~` and a digest: only tables have it whole.
    """
    encoded = "".join(chr(byte) if byte in _SAFE else f"%{byte:02X}" for byte in _as_bytes(name))
    if encoded.endswith("."):
        encoded = f"{encoded[:-1]}%2E"
    if encoded.startswith((".", "-")) or encoded.partition(".")[0].lower() in _RESERVED:
        encoded = f"%{ord(encoded[0]):02X}{encoded[1:]}"
    if len(encoded) <= _LONGEST and encoded:
        return encoded
    head = re.sub(r"%.?$", "", encoded[: _LONGEST - _DIGEST - 1])
    return f"{head}~{hashlib.sha256(_as_bytes(name)).hexdigest()[:_DIGEST]}"


def decode_name(encoded: str) -> str:
    """Decode what `encode_name` made, also with the mark of `DistinctNames`.

    Raises:
        ValueError: If the name was cut because it was too long.
    """
    body, tilde, tail = encoded.partition("~")
    if tilde and len(tail) != _MARK:
        raise ValueError(f"{encoded}: was cut as too long; see the table beside it")
    return unquote_to_bytes(body).decode("utf-8", "surrogatepass")


class DistinctNames:
    """Tells paths of outputs apart on disks that do not tell case apart: the first keeps its name."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def __call__(self, path: str) -> str:
        """The path, marked with `~` and digits if another that differs in case alone came first."""
        return path if self._first.setdefault(path.lower(), path) == path else _marked(path)


def stem(file: str) -> str:
    """A file's own name without its suffix."""
    name = PurePosixPath(file).name
    short = _SUFFIX.sub("", _PACKED.sub("", name))
    return short if any(letter.isalnum() for letter in short) else name


def participant_in_name(file: str) -> str:
    """The participant by a file's name: the OAI folder's ID, or the stem.

    A stem that says nothing (`IM0007`, `film`) takes its folders with it: two folders are two participants.
    """
    path = file.replace("!/", "/")
    if oai := _OAI_PATH.search(path):
        return oai.group(1)
    short = stem(path)
    if _COUNTER.fullmatch(short) or not any(letter.isdigit() for letter in short):
        return path.removesuffix(PurePosixPath(path).name) + short
    return short


def output_names(files: Sequence[str]) -> list[str]:
    """Name the PNG of each source file: its sub-folders and stem, or its whole name where stems are the same.

    Each part is encoded. A path that is too long, or that a folder has taken, gives way to a digest.
    """
    whole = ["/".join(map(encode_name, file.split("/"))) for file in files]
    short = [
        path.removesuffix(path.rpartition("/")[2]) + encode_name(stem(file))
        for path, file in zip(whole, files, strict=True)
    ]
    count = Counter(name.lower() for name in short)
    taken = {str(folder).lower() for path in whole for folder in PurePosixPath(path).parents}
    names = []
    for path, name, file in zip(whole, short, files, strict=True):
        digest = hashlib.sha256(_as_bytes(file)).hexdigest()[:_DIGEST]
        candidates = ([name] if count[name.lower()] == 1 else []) + [path, _marked(path), digest]
        names.append(
            next(
                f"{candidate}.png"
                for candidate in candidates
                if len(candidate) <= _LONGEST_PATH and f"{candidate}.png".lower() not in taken
            )
        )
        taken.add(names[-1].lower())
    return names


def _marked(path: str) -> str:
    """A path with a mark of its own before its suffix, which is a picture's or none."""
    body, dot, suffix = path.rpartition(".")
    if not dot or suffix not in ("png", "jpg"):
        body, dot, suffix = path, "", ""
    return f"{body}~{hashlib.sha256(path.encode()).hexdigest()[:_MARK]}{dot}{suffix}"


def _as_bytes(name: str) -> bytes:
    return name.encode("utf-8", "surrogatepass")
