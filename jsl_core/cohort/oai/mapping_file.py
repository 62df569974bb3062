"""The mapping file: what the columns and codes of another cohort's table mean."""

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from jsl_core.cohort.oai.mapped_outcome import READINGS
from jsl_core.config import describe_validation_error
from jsl_core.config.base import Settings
from jsl_core.errors import BadTable

__all__ = ["MappedColumn", "MappedOutcome", "Mapping", "read_mapping"]

_SHIPPED = Path(__file__).parents[1] / "mappings"

Target = Literal[
    "Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree", "BL_KL_grade", "JSL_Prog", "BL_mJSW_mm",
    "FU_mJSW_mm", "Replaced_days", "Cohort", "FU_KL_grade", "BL_JSN_medial", "FU_JSN_medial", "Site",
    "Img_path",
]  # fmt: skip
_TEXTS = ("Site", "Img_path")


class MappedColumn(Settings):
    """Where one column of the cohort table comes from.

    `column` where both knees share it, or a row is a knee; `right` and `left` where a row is a participant
    and each knee has its own. `codes` translates cells; without it they are numbers, times `factor`.
    """

    column: str = ""
    right: str = ""
    left: str = ""
    codes: dict[str, int] = Field(default={})
    factor: float = 1.0

    @model_validator(mode="after")
    def _one_place(self) -> Self:
        if bool(self.column) == bool(self.right and self.left) or bool(self.right) != bool(self.left):
            raise ValueError("give either column, or both right and left")
        return self


class MappedOutcome(Settings):
    """The outcome that a later film shows, after months: `kl`, `incident` or `jsn` (docs/outcomes.md).

    `grades` is by how much narrowing or KL must rise.
    """

    name: Literal["kl", "incident", "jsn"]
    months: int = Field(ge=1, le=240)
    grades: float = Field(1.0, gt=0, le=3)


class Mapping(Settings):
    """A mapping file: what the columns and codes of another cohort's table mean.

    Without `side` a row is a participant and stands for both knees. `missing` lists the cells that stand for
    no value, besides empty cells and the OAI's codes. Labels are made from widths, unless JSL_Prog is mapped,
    or an outcome is named.
    """

    participant: str
    side: str = ""
    side_codes: dict[str, Literal[1, 2]] = Field(default={"1": 1, "2": 2})
    missing: tuple[str, ...] = ()
    columns: dict[Target, MappedColumn] = Field(min_length=1)
    outcome: MappedOutcome | None = None

    @model_validator(mode="after")
    def _rows_are_knees_or_participants(self) -> Self:
        for target, source in self.columns.items():
            if self.side and not source.column:
                raise ValueError(f"{target}: where a row is a knee, give column and not right and left")
            if target in _TEXTS and (source.codes or source.factor != 1):
                raise ValueError(f"{target} is text; give column, or right and left, alone")
        if self.outcome:
            if "JSL_Prog" in self.columns:
                raise ValueError("outcome, and a column JSL_Prog; give one of them")
            for needed in READINGS[self.outcome.name]:
                if needed not in self.columns:
                    raise ValueError(f"outcome {self.outcome.name} needs a column {needed}; map it")
        return self

    @property
    def names(self) -> set[str]:
        """All columns of the table that the mapping names."""
        sources = self.columns.values()
        every = {name for one in sources for name in (one.column, one.right, one.left)}
        return (every | {self.participant, self.side}) - {""}


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file, TOML.

    Args:
        path: The file; or the name alone of a shipped one, such as `most`, where no file has that name.

    Raises:
        BadTable: If it cannot be read, or says what it must not.
    """
    if str(path) == path.name and not path.suffix and not path.exists():
        shipped = sorted(file.stem for file in _SHIPPED.glob("*.toml"))
        if path.name.lower() not in shipped:
            raise BadTable(
                f"there is no mapping {path}; give a TOML file, or the name of one that ships with the "
                f"program: {', '.join(shipped)}"
            )
        path = _SHIPPED / f"{path.name.lower()}.toml"
    try:
        return Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8-sig")))
    except OSError as error:
        raise BadTable(
            f"{path}: cannot be read ({error.strerror}); give the path of a mapping file"
        ) from None
    except ValidationError as error:
        raise BadTable(f"{path.name}: {describe_validation_error(error)}") from None
    except UnicodeDecodeError:
        raise BadTable(f"{path.name}: not a text file in UTF-8; save it as one") from None
    except (ValueError, RecursionError) as error:
        raise BadTable(f"{path.name}: not a TOML file ({error}); mend that line") from None
