"""What outputs are called: after the source, or by keyed pseudonyms."""

import hashlib
import hmac
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

__all__ = ["Pseudonyms", "is_safe", "output_names", "stem"]

_SAFE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,63}")
_SUFFIX = re.compile(r"\.(?=[^.]*[A-Za-z])[A-Za-z0-9]{1,5}$")  # `.dcm`, but not the last number of a UID


@dataclass(frozen=True)
class Pseudonyms:
    """Keyed names: the same for the same name and key, and nothing to learn from without the key.

    With `reveal`, rows say whom their pseudonyms stand for, so that a mapping can be written.
    """

    key: bytes
    reveal: bool = False

    def __call__(self, name: str) -> str:
        """HMAC-SHA-256 of a name, 64 bits of it."""
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
    """The PNG of each source file: its sub-folders and stem, or its whole name where stems are the same."""
    short = [str(PurePosixPath(file).with_name(stem(file))) for file in files]
    count = Counter(short)
    return [f"{name if count[name] == 1 else file}.png" for name, file in zip(short, files, strict=True)]
