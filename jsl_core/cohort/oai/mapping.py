"""The cohort table of another cohort, such as MOST or a hospital's, from its CSV and a mapping file."""

import tomllib
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError, model_validator

from jsl_core.cohort.oai.files import Entry
from jsl_core.cohort.oai.join import MEASURED
from jsl_core.cohort.oai.labels import label_progression, labels_from_column
from jsl_core.cohort.oai.schema import check_cohort
from jsl_core.cohort.oai.screening import Cohort, screen
from jsl_core.cohort.oai.specs import TableSpec
from jsl_core.cohort.oai.tables import read_table
from jsl_core.config import OaiSettings, describe_validation_error
from jsl_core.config.base import Settings
from jsl_core.errors import BadTable

__all__ = ["Mapping", "read_mapped"]

Target = Literal[
    "Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree", "BL_KL_grade", "JSL_Prog", "BL_mJSW_mm",
    "FU_mJSW_mm", "Replaced_days", "Cohort",
]  # fmt: skip

_LARGEST = 1e9  # beyond, a number is a mistake, and whole ones do not fit their column
_DECIMAL_COMMA = r"^(-?\d+),(\d{1,2}|\d{4,})$"  # three digits may be thousands


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


def read_mapped(table: Path, mapping: Path, settings: OaiSettings) -> Cohort:
    """Make the cohort of a CSV table by a mapping file.

    Raises:
        BadTable: If either file cannot be read, a column is absent, a cell is neither number nor code, or the
            result breaks the cohort table's rules.
    """
    plan = _read_mapping(mapping)
    rows = _read_rows(table, plan)
    participants, sides = _identify_knees(rows, plan, table.name)
    knees = pd.DataFrame({"participant": participants, "side": sides})
    knees.index = pd.Index(knees["participant"] + "_" + knees["side"].astype(str), name="ID")
    if not knees.index.is_unique:
        knee = knees.index[knees.index.duplicated()][0]
        raise BadTable(f"{table.name}: knee {knee} is there twice; keep one row a knee")
    reasons = pd.DataFrame("", index=knees.index, columns=list(MEASURED))
    for target in (*MEASURED, "Replaced_days", "JSL_Prog"):
        source = plan.columns.get(target)  # type: ignore[call-overload]
        values = (
            _read_values(rows, source, sides, plan, table.name) if source else np.full(len(knees), np.nan)
        )
        knees[target] = values
        if target in reasons:
            reasons[target] = np.where(np.isnan(values), "blank" if source else "no table", "")
    knees["Site"], knees["enrolled"], knees["at_baseline"] = "", True, False
    own_labels = knees.pop("JSL_Prog")
    if "JSL_Prog" in plan.columns:
        labels = labels_from_column(own_labels)
    else:
        labels = label_progression(knees, settings.progression_mm, settings.followup_months)
    return check_cohort(screen(knees, reasons, labels))


def _read_mapping(path: Path) -> Mapping:
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


def _read_rows(path: Path, plan: Mapping) -> pd.DataFrame:
    if not path.is_file():
        raise BadTable(f"{path}: no such file; give the path of the cohort's table")
    sources = [name for c in plan.columns.values() for name in (c.column, c.right, c.left)]
    names = dict.fromkeys(name.upper() for name in (plan.participant, plan.side, *sources) if name)
    rows, findings = read_table(Entry(path.name, path), TableSpec(path.stem, tuple(names), ""))
    problems = [finding for finding in findings if finding.kind != "unfinished_table"]
    if rows is None or problems:
        raise BadTable(f"{path.name}: {problems[0].sentence}")
    return rows


def _identify_knees(rows: pd.DataFrame, plan: Mapping, name: str) -> tuple[pd.Series, pd.Series]:
    """Participant and side (1 right, 2 left) of each knee; both knees of a row that is a participant."""
    participants = rows[plan.participant.upper()].str.strip()
    if (participants == "").any():
        raise BadTable(
            f"{name}, row {int((participants == '').argmax()) + 2}: no participant; fill the column"
        )
    if not plan.side:
        both = participants.repeat(2).reset_index(drop=True)
        return both, pd.Series([1, 2] * len(participants))
    sides = rows[plan.side.upper()].str.strip().map(plan.side_codes)
    if sides.isna().any():
        row = int(sides.isna().argmax())
        raise BadTable(
            f"{name}, row {row + 2}: side is none of {', '.join(plan.side_codes)}; add it to side_codes"
        )
    return participants, sides.astype(int)


def _read_values(
    rows: pd.DataFrame, source: MappedColumn, sides: pd.Series, plan: Mapping, name: str
) -> "np.ndarray":
    """One number a knee, NaN where the cell is missing."""
    if plan.side or source.column:
        cells = rows[source.column.upper()]
        cells = cells if plan.side else cells.repeat(2).reset_index(drop=True)
    else:
        right, left = (rows[c.upper()].repeat(2).reset_index(drop=True) for c in (source.right, source.left))
        cells = right.where(sides == 1, left)
    text = cells.str.strip()
    if not source.codes:
        text = text.str.replace(_DECIMAL_COMMA, r"\1.\2", regex=True)
    missing = text.isin(("", *plan.missing)) | text.str.fullmatch(r"\.[A-Z]?(:.*)?")
    numbers = text.map(source.codes) if source.codes else pd.to_numeric(text, errors="coerce") * source.factor
    plausible = pd.to_numeric(numbers, errors="coerce").abs() < _LARGEST
    unknown = (~plausible & ~missing).to_numpy()
    if unknown.any():
        row = int(unknown.argmax()) // (1 if plan.side else 2)
        expected, remedy = ("codes", "add it to them") if source.codes else ("numbers", "give codes")
        raise BadTable(
            f"{name}, row {row + 2}: a cell of {cells.name} is none of the {expected}; {remedy}, "
            "or list it as missing"
        )
    return numbers.where(~missing).to_numpy(float)
