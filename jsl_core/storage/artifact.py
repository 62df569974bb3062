"""The artifact: what passes between tasks instead of arrays, tables, models and paths."""

import hashlib
from pathlib import Path
from typing import Protocol

from pydantic import BaseModel, ConfigDict, Field

__all__ = ["Artifact", "sha256_of"]

_CHUNK = 1 << 20


class Readable(Protocol):
    """Anything with a `read` method, such as an open file."""

    def read(self, size: int, /) -> bytes: ...


class Artifact(BaseModel):
    """Some bytes by their content: digest, size in bytes, and a name for people.

    Two artifacts with the same digest hold the same bytes; the name is for reading, not for identity.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: str = Field(pattern=r"^[0-9a-f]{64}$")
    size: int = Field(ge=0)
    name: str

    @property
    def key(self) -> str:
        """Where the bytes live in a store: `cas/<first two digits>/<digest>`."""
        return f"cas/{self.sha256[:2]}/{self.sha256}"

    @classmethod
    def of_bytes(cls, data: bytes, name: str) -> "Artifact":
        """The artifact of some bytes, which are not stored."""
        return cls(sha256=hashlib.sha256(data).hexdigest(), size=len(data), name=name)

    @classmethod
    def of_file(cls, path: Path, name: str = "") -> "Artifact":
        """The artifact of a file, which is not stored; `name` is the file's by default."""
        with path.open("rb") as file:
            digest, size = sha256_of(file)
        return cls(sha256=digest, size=size, name=name or path.name)


def sha256_of(file: Readable) -> tuple[str, int]:
    """Read the rest of an open file in chunks; its SHA-256 in hexadecimal digits, and its size in bytes."""
    digest, size = hashlib.sha256(), 0
    while chunk := file.read(_CHUNK):
        digest.update(chunk)
        size += len(chunk)
    return digest.hexdigest(), size
