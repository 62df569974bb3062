"""The mapping file: what the columns and codes of another cohort's table mean."""

import tomllib
from pathlib import Path
from typing import Literal, Self

from pydantic import Field, ValidationError, model_validator

from jsl_core.config import describe_validation_error
from jsl_core.config.base import Settings
from jsl_core.errors import BadTable

__all__ = ["MappedColumn", "Mapping", "read_mapping"]

Target = Literal[
    "Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree", "BL_KL_grade", "JSL_Prog", "BL_mJSW_mm",
    "FU_mJSW_mm", "Replaced_days", "Cohort",
]  # fmt: skip


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


class Mapping(Settings):
    """A mapping file: what the columns and codes of another cohort's table mean.

    Without `side` a row is a participant and stands for both knees. `missing` lists the cells that stand for
    no value, besides empty cells and the OAI's codes. Labels are made from widths, unless JSL_Prog is mapped.
    """

    participant: str
    side: str = ""
    side_codes: dict[str, Literal[1, 2]] = Field(default={"1": 1, "2": 2})
    missing: tuple[str, ...] = ()
    columns: dict[Target, MappedColumn] = Field(min_length=1)

    @model_validator(mode="after")
    def _rows_are_knees_or_participants(self) -> Self:
        for target, source in self.columns.items():
            if self.side and not source.column:
                raise ValueError(f"{target}: where a row is a knee, give column and not right and left")
        return self


def read_mapping(path: Path) -> Mapping:
    """Read a mapping file, TOML.

    Raises:
        BadTable: If it cannot be read, or says what it must not.
    """
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
