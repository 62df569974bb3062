"""What outputs are called: after the source, or by keyed pseudonyms."""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

__all__ = ["Pseudonyms", "is_safe", "output_names", "stem"]

_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_SUFFIX = re.compile(r"\.(?=[^.]*[A-Za-z])[A-Za-z0-9]{1,5}$")  # `.dcm`, but not the last number of a UID
_LONGEST, _LONGEST_PATH = 255, 1000  # bytes of a name on a disk; of a path, far below what systems take


@dataclass(frozen=True)
class Pseudonyms:
    """Keyed names: the same for the same name and key, and nothing to learn from without the key.

    With `reveal`, rows say whom their pseudonyms stand for, so that a mapping can be written.
    """

    key: bytes
    reveal: bool = False

    def __call__(self, name: str) -> str:
        """The pseudonym of a name: 64 bits of its HMAC-SHA-256."""
        return (
            "P" + hmac.new(self.key, name.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()[:16]
        )


def is_safe(name: str) -> bool:
    """Whether a participant's name can be part of a file's name anywhere."""
    return bool(_SAFE.fullmatch(name))


def stem(file: str) -> str:
    """A file's own name without its suffix."""
    name = PurePosixPath(file).name
    return _SUFFIX.sub("", name) or name


def output_names(files: Sequence[str]) -> list[str]:
    """Name the PNG of each source file: its sub-folders and stem, or its whole name where stems are the same.

    A name that no disk takes, or that is taken by a folder, gives way to a digest of it.
    """
    short = [str(PurePosixPath(file).with_name(stem(file))) for file in files]
    count = Counter(short)
    taken = {str(folder) for file in files for folder in PurePosixPath(file).parents}
    names = []
    for name, file in zip(short, files, strict=True):
        digest = hashlib.sha256(file.encode("utf-8", "surrogateescape")).hexdigest()[:32]
        names.append(
            next(png for png in _candidates(name, file, digest, count[name] == 1) if png not in taken)
        )
        taken.add(names[-1])
    return names


def _candidates(name: str, file: str, digest: str, alone: bool) -> Iterator[str]:
    for candidate in (name, file) if alone else (file,):
        png = f"{candidate}.png"
        parts = [len(part.encode("utf-8", "surrogateescape")) for part in png.split("/")]
        if max(parts) <= _LONGEST and sum(parts) <= _LONGEST_PATH:
            yield png
    yield f"{digest}.png"
