"""Tables of settings as people write them: in one spelling, with paths that hold from anywhere."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from jsl_core.config.base import FileContent, Location
from jsl_core.errors import BadSettings
from jsl_core.system.paths import resolve_path

__all__ = ["flatten_table", "merge_tables", "nest_value", "read_table", "read_value", "setting_names"]


def read_table(
    model: type[BaseModel], table: Mapping[str, Any], base: Path, where: str = ""
) -> dict[str, Any]:
    """Read a table: `jsl-image` is `jsl_image`, and paths are relative to a folder.

    What is no setting of the model stays as it is, for pydantic to refuse.

    Args:
        model: The class of the settings; its marks tell which are paths.
        table: As in a TOML file.
        base: The folder that relative paths start from.
        where: How error messages begin, such as `run.toml: `, or `run.toml: crop.` within a table.

    Raises:
        BadSettings: If a setting is written twice, once with each sign, or a path cannot be one.
    """
    result: dict[str, Any] = {}
    for written, value in table.items():
        own = written.replace("-", "_")
        name = own if own in model.model_fields else written
        if name in result:
            raise BadSettings(f"{where}{name}: is there twice, with - and with _; keep one")
        inner = model_of(model.model_fields[name]) if name in model.model_fields else None
        if inner and isinstance(value, Mapping):
            result[name] = read_table(inner, value, base, f"{where}{name}.")
        else:
            result[name] = read_value(model.model_fields.get(name), value, base, f"{where}{name}: ")
    return result


def read_value(field: FieldInfo | None, value: Any, base: Path, where: str = "") -> Any:
    """Read a value: a path, where the setting is marked as one, is relative to a folder.

    Args:
        field: The setting; None for what is none.
        value: As in a TOML file.
        base: The folder that relative paths start from.
        where: How error messages begin.

    Raises:
        BadSettings: If a path cannot be one.
    """
    marks = [mark for mark in field.metadata if isinstance(mark, FileContent | Location)] if field else []
    if not isinstance(value, str) or not marks or value in marks[0].words:
        return value
    try:
        return resolve_path(value, base)
    except ValueError as error:
        raise BadSettings(f"{where}{error}") from None


def model_of(field: FieldInfo) -> type[BaseModel] | None:
    """The class of a setting that is a table of settings."""
    kind = field.annotation
    return kind if isinstance(kind, type) and issubclass(kind, BaseModel) else None


def setting_names(model: type[BaseModel]) -> Iterator[tuple[str, FieldInfo]]:
    """List all settings by their dotted names, such as `training.jsl_image.epochs`."""
    for name, field in model.model_fields.items():
        inner = model_of(field)
        if inner is None:
            yield name, field
        else:
            yield from ((f"{name}.{below}", below_field) for below, below_field in setting_names(inner))


def merge_tables(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    """Merge two tables and the tables within them; values of `above` win."""
    result = dict(below)
    for name, value in above.items():
        old = result.get(name)
        if isinstance(old, Mapping) and isinstance(value, Mapping):
            value = merge_tables(old, value)
        result[name] = value
    return result


def flatten_table(table: Mapping[str, Any]) -> dict[str, Any]:
    """The values of a table and of the tables within it, by dotted name."""
    values: dict[str, Any] = {}
    for name, value in table.items():
        if isinstance(value, Mapping):
            values |= {f"{name}.{below}": inner for below, inner in flatten_table(value).items()}
        else:
            values[name] = value
    return values


def nest_value(name: str, value: Any) -> dict[str, Any]:
    """A table that holds one value, by its dotted name."""
    for part in reversed(name.split(".")):
        value = {part: value}
    return value
