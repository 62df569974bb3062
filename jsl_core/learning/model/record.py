"""`bundle.json`: what a bundle says of its model, checked field by field as it is read."""

import json
from pathlib import Path
from typing import Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    PositiveFloat,
    ValidationError,
    model_validator,
)

from jsl_core.cohort.columns import FACTORS, GRADE
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.errors import BundleError
from jsl_core.learning.model.networks import NetworkSpec
from jsl_core.system.files import write_atomically

__all__ = ["FORMAT", "BundleRecord", "NetworkRecord", "write_json"]

FORMAT = 1


class BundleRecord(BaseModel):
    """What the records of all bundles have; `folds` is 0 but for a cross-validation's bundle of bundles."""

    model_config = ConfigDict(strict=True, frozen=True)

    regime: str
    network: NetworkSpec | None
    factors: FactorEncoder | None
    thresholds: dict[str, FiniteFloat]
    dataset: str
    settings: dict[str, Any]
    folds: int = Field(0, ge=0)

    @classmethod
    def read(cls, folder: Path) -> Self:
        """The record of the bundle in a folder.

        Raises:
            BundleError: `bundle.json` is missing, of another format, or lacks a field or has a wrong one.
        """
        try:
            text = (folder / "bundle.json").read_text()
            fields = json.loads(text)
        except (OSError, ValueError, RecursionError) as error:
            raise BundleError(f"{folder}: not a model bundle; bundle.json cannot be read") from error
        if not isinstance(fields, dict):
            raise BundleError(f"{folder}: not a model bundle; bundle.json holds no record")
        if fields.get("format") != FORMAT:
            raise BundleError(
                f"{folder}: bundle format {fields.get('format')!r}, not {FORMAT}; train it again"
            )
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ": ".join([str(folder), "bundle.json", *filter(None, [".".join(map(str, first["loc"]))])])
            reason = first["msg"].removeprefix("Value error, ")
            raise BundleError(f"{where}: {reason}; train it again") from error

    @model_validator(mode="after")
    def _check_factors(self) -> Self:
        if self.factors is not None:
            columns = self.factors.columns
            if unknown := [column for column in columns if column not in (*FACTORS, GRADE)]:
                raise ValueError(f"there is no risk factor {unknown[0]!r}")
            if any(len(part) != len(columns) for part in vars(self.factors).values()):
                raise ValueError("the risk factors have not one fill, mean and scale each")
        return self


class NetworkRecord(BundleRecord):
    """What the record of a bundle with a network has besides; `ModelBundle` says what the fields mean."""

    network: NetworkSpec
    mirror_left: bool
    temperature: dict[str, PositiveFloat]
    prior_shift: FiniteFloat
    parent: str
    # Earlier bundles lack these three.
    flip: bool = False
    mm_per_pixel: PositiveFloat | None = None
    version: str = ""

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if not self.network.heads:
            raise ValueError("the network has no heads")
        for head in self.network.heads:
            if head not in self.temperature:
                raise ValueError(f"temperature lacks {head}")
        if "jsl" in self.network.heads and "jsl" not in self.thresholds:
            raise ValueError("thresholds lack jsl")
        inputs = len(self.factors.names) if self.factors else 0
        if inputs != self.network.inputs:
            raise ValueError(f"the network takes {self.network.inputs} risk factors, not the {inputs} named")
        return self


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write a record, indented, atomically; NaN is no JSON."""
    with write_atomically(path) as file:
        file.write((json.dumps(record, indent=1, allow_nan=False) + "\n").encode())
