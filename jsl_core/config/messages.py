"""Messages about wrong settings, in one line."""

from pydantic import ValidationError

__all__ = ["describe_validation_error"]


def describe_validation_error(error: ValidationError) -> str:
    """Describe the first error that pydantic found: which setting, what is wrong, and the value."""
    first = error.errors(include_url=False)[0]
    name = ".".join(str(part) for part in first["loc"])
    if first["type"] == "extra_forbidden":
        return f"there is no setting {name}"
    problem = first["msg"].removeprefix("Value error, ")
    value = "" if isinstance(first["input"], dict) else f"; got {first['input']!r}"
    return f"{name}: {problem}{value}" if name else f"{problem}{value}"
