"""What every stage's settings share, and what of them a result depends on."""

import hashlib
import stat
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, ValidationInfo, field_validator

from jsl_core.errors import BadSettings
from jsl_core.system.library_versions import versions_of
from jsl_core.system.paths import expand_path

__all__ = [
    "RUN_NAME",
    "FileContent",
    "InputFile",
    "Location",
    "Place",
    "Settings",
    "keyed_settings",
    "marked_fields",
]


class Settings(BaseModel):
    """Frozen; a misspelt name is an error, and so is a number that is none or infinite."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    @field_validator("*", mode="before")
    @classmethod
    def _choose_number(cls, value: Any, info: ValidationInfo) -> Any:
        """The number that a word of the command line stands for where a setting is one of some numbers."""
        choices = get_args(cls.model_fields[str(info.field_name)].annotation)
        numbers = {str(choice): choice for choice in choices if type(choice) is int}
        return numbers.get(value, value) if isinstance(value, str) else value

    def packages_of(self, name: str) -> tuple[str, ...]:
        """The distributions that a word in the setting `name` stands for, such as `imagenet`."""
        return ()

    def shipped_file(self, name: str) -> Path | None:
        """The file that the word `shipped` stands for in the setting `name`."""
        return None


@dataclass(frozen=True)
class FileContent:
    """Marks a setting that names a file or a folder of files: a result depends on what these hold.

    Attributes:
        words: Values that name no file, such as `none`.
        inside: Of a folder only this file counts; blank for all.
    """

    words: tuple[str, ...] = ()
    inside: str = ""


@dataclass(frozen=True)
class Location:
    """Marks a setting that names where something lies: no result depends on the place.

    Attributes:
        words: Values that name no place, such as `shipped`.
    """

    words: tuple[str, ...] = ()


InputFile = Annotated[str, FileContent(), AfterValidator(expand_path)]
Place = Annotated[str, Location(), AfterValidator(expand_path)]

# Safe as part of a folder's name on every disk: Windows drops a dot at the end.
RUN_NAME = r"^[A-Za-z0-9]([A-Za-z0-9._-]{0,98}[A-Za-z0-9_-])?$"


def marked_fields(model: type[BaseModel], *marks: type) -> tuple[str, ...]:
    """List the settings of a class that carry one of these marks."""
    return tuple(
        name
        for name, field in model.model_fields.items()
        if any(isinstance(mark, marks) for mark in field.metadata)
    )


def keyed_settings(settings: BaseModel) -> dict[str, Any]:
    """Settings as JSON, as a result depends on them: files by their content, packages by their versions.

    Raises:
        BadSettings: Where a file that is named cannot be read.
    """
    values = settings.model_dump(mode="json")
    for name, field in type(settings).model_fields.items():
        value = getattr(settings, name)
        mark = next((mark for mark in field.metadata if isinstance(mark, FileContent)), None)
        if isinstance(value, BaseModel):
            values[name] = keyed_settings(value)
        elif mark and value in mark.words:
            values[name] = _content_of_word(settings, name, value)
        elif mark and value:
            values[name] = _content_of(Path(value), mark.inside)
    return values


def _content_of_word(settings: BaseModel, name: str, word: str) -> Any:
    """What stands behind a word such as `shipped`: a file's SHA-256, packages' versions, or nothing."""
    if not isinstance(settings, Settings):
        return word
    file = settings.shipped_file(name) if word == "shipped" else None
    packages = settings.packages_of(name)
    if file:
        return {word: _content_of(file, "")}
    return {word: versions_of(packages)} if packages else word


def _content_of(path: Path, inside: str) -> Any:
    """SHA-256 of a file, or of each file in a folder by name; the path itself where there is nothing."""
    try:
        if path.is_dir() and inside:
            return {"sha256": _digest(path / inside)}
        if path.is_dir():
            return {file.name: {"sha256": _digest(file)} for file in sorted(path.iterdir()) if file.is_file()}
        return {"sha256": _digest(path)}
    except FileNotFoundError:
        return str(path)  # what needs it says so
    except (OSError, ValueError) as error:  # ValueError of a null character
        cause = error.strerror if isinstance(error, OSError) else error
        raise BadSettings(f"{str(path)[:200]}: cannot be read ({cause}); name a file") from None


def _digest(file: Path) -> str:
    about = file.stat()
    if not stat.S_ISREG(about.st_mode):  # reading a pipe or a device need never end
        raise BadSettings(f"{file}: is no file; name one")
    stamp = (about.st_size, about.st_ino, about.st_mtime_ns, about.st_ctime_ns)
    return _digest_of(file, stamp)


@lru_cache(maxsize=64)
def _digest_of(file: Path, stamp: tuple[int, ...]) -> str:
    """SHA-256 of a file; `stamp` tells it from what it was before. Each bucket of scans asks for it."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
