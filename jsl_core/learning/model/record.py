"""`bundle.json`: what a bundle says of its model, checked field by field as it is read.

It ends with a proof, the digest of its other fields, and has the digests of the files that scores depend on.
Bundles of earlier versions have neither: of them the fields are checked.
"""

import itertools
import json
import math
import re
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    FiniteFloat,
    ValidationError,
    field_validator,
    model_validator,
)

from jsl_core import __version__
from jsl_core.cohort.columns import FACTORS, GRADE, WIDTHS
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.errors import BundleError
from jsl_core.learning.model.hazard import Hazard
from jsl_core.learning.model.spec import NetworkSpec
from jsl_core.storage.artifact import Artifact
from jsl_core.storage.proof import proves_itself, with_proof
from jsl_core.system.files import write_atomically

__all__ = [
    "FORMAT",
    "PREDICTIONS",
    "WEIGHTS",
    "BundleRecord",
    "NetworkRecord",
    "write_bundle_json",
    "write_json",
]

FORMAT = 1
WEIGHTS, PREDICTIONS = "model.safetensors", "predictions.csv"  # the files that scores depend on

_PROVEN = ("files", "probe", "proof")  # fields of a record that proves itself
_VERSION = re.compile(r"(\d+)\.(\d+)")
# What training can give: temperatures are sought in 0.25…8, shifts are log odds of a prevalence.
_Temperature = Annotated[float, Field(ge=0.01, le=100)]
_LogOdds = Annotated[float, Field(ge=-50, le=50)]
_Risk = Annotated[float, Field(ge=0, le=1)]
_Millimetres = Annotated[float, Field(gt=0, le=10)]


class BundleRecord(BaseModel):
    """What the records of all bundles have; `folds` is 0 but for a cross-validation's bundle of bundles."""

    model_config = ConfigDict(strict=True, frozen=True)

    regime: str
    network: NetworkSpec | None
    factors: FactorEncoder | None
    thresholds: dict[str, _Risk]
    dataset: str
    settings: dict[str, Any]
    hazard: Hazard | None = None  # earlier bundles have no heads of time
    outcome: str = ""  # in words, "" where the table named none
    folds: int = Field(0, ge=0)
    files: dict[str, str] = {}
    version: str = ""

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
            record = cls.model_validate_json(text)
            if record.network is not None:
                NetworkRecord.model_validate_json(text)
        except ValidationError as error:
            first = error.errors(include_url=False, include_input=False)[0]
            where = ": ".join([str(folder), "bundle.json", *filter(None, [".".join(map(str, first["loc"]))])])
            reason = first["msg"].removeprefix("Value error, ")
            raise BundleError(f"{where}: {reason}; train it again") from error
        if fields.keys() & set(_PROVEN) and not proves_itself(fields):
            raise BundleError(f"{folder}: bundle.json is not as it was written; copy it again")
        return record

    def check_file(self, folder: Path, name: str) -> None:
        """Check that a file of the bundle is the one that was saved, as far as the record says.

        Raises:
            BundleError: It is another, or missing.
        """
        if name not in self.files:
            return
        try:
            digest = Artifact.of_file(folder / name).sha256
        except OSError:
            raise BundleError(f"{folder}: {name} is missing; copy the bundle again") from None
        if digest != self.files[name]:
            raise BundleError(f"{folder}: {name} is damaged or of another model; copy it again")

    @field_validator("version")
    @classmethod
    def _check_version(cls, version: str) -> str:
        if version:
            numbers = _VERSION.match(version)
            if numbers is None:
                raise ValueError(f"{version!r} is no version of JSL")
            if tuple(map(int, numbers.groups())) > tuple(map(int, __version__.split(".")[:2])):
                raise ValueError(f"made by JSL {version}, this is {__version__}: install that version, or")
        return version

    @model_validator(mode="after")
    def _check_hazard(self) -> Self:
        if self.hazard is not None:
            intervals = len(self.hazard.months)
            lengths = (len(self.hazard.baseline), len(self.hazard.death))
            if not intervals or lengths != (intervals, intervals):
                raise ValueError("hazard has not one baseline and chance of death for each interval")
            ends = (0.0, *self.hazard.months)
            if any(end <= start for start, end in itertools.pairwise(ends)):
                raise ValueError("hazard's intervals do not follow one another")
            if len(self.hazard.centre) not in (1, intervals) or not all(
                0 <= chance <= 1 for chance in self.hazard.death
            ):
                raise ValueError("hazard's centre or chances of death cannot be")
        return self

    @model_validator(mode="after")
    def _check_factors(self) -> Self:
        if self.factors is not None:
            columns = self.factors.columns
            if unknown := [column for column in columns if column not in (*FACTORS, GRADE, *WIDTHS)]:
                raise ValueError(f"there is no risk factor {unknown[0]!r}")
            if any(len(part) != len(columns) for part in vars(self.factors).values()):
                raise ValueError("the risk factors have not one fill, mean and scale each")
            if not all(map(math.isfinite, (*self.factors.fill, *self.factors.mean, *self.factors.scale))):
                raise ValueError("a risk factor's fill, mean or scale is not finite")
            if not all(scale > 0 for scale in self.factors.scale):
                raise ValueError("a risk factor's scale is not above 0")
        return self


class NetworkRecord(BundleRecord):
    """What the record of a bundle with a network has besides; `ModelBundle` says what the fields mean."""

    network: NetworkSpec
    mirror_left: bool
    temperature: dict[str, _Temperature]
    prior_shift: _LogOdds
    parent: str
    # Earlier bundles lack these three.
    flip: bool = False
    mm_per_pixel: _Millimetres | None = None
    probe: dict[str, list[list[FiniteFloat]]] | None = None

    @model_validator(mode="after")
    def _check_heads(self) -> Self:
        if not self.network.heads:
            raise ValueError("the network has no heads")
        for head in self.network.heads:
            if head not in self.temperature:
                raise ValueError(f"temperature lacks {head}")
        if "jsl" in self.network.heads and "jsl" not in self.thresholds:
            raise ValueError("thresholds lack jsl")
        timed = "jsl" in self.network.heads and self.network.jsl_head != "label"
        if timed != (self.hazard is not None):
            raise ValueError("a head of time and its hazard go together")
        if self.hazard is not None and self.network.jsl_head == "discrete":
            if self.network.jsl_outputs != len(self.hazard.months):
                raise ValueError("the head of time has not one output for each interval")
        elif self.network.jsl_outputs not in (1, 2):
            raise ValueError("jsl_outputs is neither 1 nor 2")
        inputs = len(self.factors.names) if self.factors else 0
        if inputs != self.network.inputs:
            raise ValueError(f"the network takes {self.network.inputs} risk factors, not the {inputs} named")
        return self


def write_bundle_json(folder: Path, record: dict[str, Any]) -> None:
    """Write a bundle's record, which is written last, with the digests of its files and its proof."""
    files = {
        name: Artifact.of_file(folder / name).sha256
        for name in (WEIGHTS, PREDICTIONS)
        if (folder / name).is_file()
    }
    write_json(folder / "bundle.json", with_proof(record | {"files": files}))


def write_json(path: Path, record: dict[str, Any]) -> None:
    """Write a record, indented, atomically; NaN is no JSON."""
    with write_atomically(path) as file:
        file.write((json.dumps(record, indent=1, allow_nan=False) + "\n").encode())
