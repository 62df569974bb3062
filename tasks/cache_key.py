"""The key of a stage's result: all that it depends on, derived and not listed.

That is the stage's name and declared version, the code that it reaches, the libraries which that code
imports, and its parameters, with the files that settings name by their content. Where things lie
(`Placement`) is in no key, so a moved store or another machine finds its results.
"""

from collections.abc import Callable, Mapping
from typing import Any

from pydantic import BaseModel

from jsl_core.config import keyed_settings
from jsl_core.storage import digest_of
from jsl_core.storage.history import Step
from jsl_core.system.code_key import code_key

__all__ = ["record_key", "step_of"]

_SHOWN = 16  # characters of a module's digest that `jsl why` compares


def step_of(
    stage: str, version: int, function: Callable[..., Any], parameters: Mapping[str, Any], exact: bool
) -> Step:
    """A step, whose key is the digest of all of its parts.

    Args:
        stage: The stage's name.
        version: Raised when something that no code shows changes what the stage means.
        function: What the stage runs.
        parameters: Artifacts, settings and plain values.
        exact: Whether every part of every library's version counts.

    Raises:
        BadSettings: Where a file that settings name cannot be read.
        TypeError: Where a parameter is none of these.
    """
    values = {name: _keyed(value) for name, value in parameters.items()}
    key = code_key(function, exact)
    return Step(
        stage=stage,
        digest=digest_of([stage, version, key.digest, values]),
        version=version,
        code={name: digest[:_SHOWN] for name, digest in key.code.items()},
        libraries=dict(key.libraries),
        parameters=values,
    )


def record_key(
    stage: str, version: int, function: Callable[..., Any], settings: BaseModel, exact: bool
) -> str:
    """What a stage's records depend on besides the item itself: its code and its settings."""
    return step_of(stage, version, function, {"settings": settings}, exact).digest


def _keyed(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return keyed_settings(value)
    if isinstance(value, dict):
        return {str(key): _keyed(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_keyed(item) for item in value]
    if value is None or isinstance(value, str | int | float | bool):
        return value
    # Anything else would make Prefect log and silently run uncached.
    raise TypeError(f"a stage task takes artifacts, settings and plain values, not {type(value).__name__}")
