"""What is wrong with settings, in one line."""

from pydantic import ValidationError

__all__ = ["fault"]


def fault(error: ValidationError) -> str:
    """The first fault that pydantic found: which setting, why, and what was given."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"there is no setting {name}"
    said = first["msg"].removeprefix("Value error, ")
    given = "" if isinstance(first["input"], dict) else f"; got {first['input']!r}"
    return f"{name}: {said}{given}" if name else f"{said}{given}"
