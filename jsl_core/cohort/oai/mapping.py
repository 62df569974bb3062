"""Other cohorts: the same table from any CSV by a mapping file, so that MOST or a hospital needs no code."""

import tomllib
from pathlib import Path
from typing import Literal, Self

import numpy as np
import pandas as pd
from pydantic import Field, ValidationError, model_validator

from jsl_core.cohort.oai.files import Entry
from jsl_core.cohort.oai.join import MEASURED
from jsl_core.cohort.oai.labels import given, progression
from jsl_core.cohort.oai.schema import checked
from jsl_core.cohort.oai.screening import Cohort, screen
from jsl_core.cohort.oai.specs import TableSpec
from jsl_core.cohort.oai.tables import read_table
from jsl_core.config import OaiSettings, fault
from jsl_core.config.base import Settings
from jsl_core.errors import BadTable

__all__ = ["Mapping", "read_mapped"]

Target = Literal[
    "Age", "Sex", "Race", "BMI", "Knee_Injury", "Alignment_degree", "BL_KL_grade", "JSL_Prog", "BL_mJSW_mm",
    "FU_mJSW_mm", "Replaced_days", "Cohort",
]  # fmt: skip

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
    """A mapping file: how a table of another cohort reads.

    Without `side` a row is a participant and stands for both knees. `missing` lists the cells that stand for
    no value, besides blanks and the OAI's codes. Labels are made from widths, unless JSL_Prog is mapped.
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
    """The cohort of a CSV table read by a mapping file.

    Raises BadTable if either cannot be read, a column is absent, a cell is neither number nor code, or the
    result breaks the cohort table's rules.
    """
    plan = _read_plan(mapping)
    rows = _read_rows(table, plan)
    participants, sides = _identity(rows, plan, table.name)
    knees = pd.DataFrame({"participant": participants, "side": sides})
    knees.index = pd.Index(knees["participant"] + "_" + knees["side"].astype(str), name="ID")
    if not knees.index.is_unique:
        twice = knees.index[knees.index.duplicated()][0]
        raise BadTable(f"{table.name}: knee {twice} is there twice; keep one row a knee")
    why = pd.DataFrame("", index=knees.index, columns=list(MEASURED))
    for target in (*MEASURED, "Replaced_days", "JSL_Prog"):
        source = plan.columns.get(target)  # type: ignore[call-overload]
        values = _values(rows, source, sides, plan, table.name) if source else np.full(len(knees), np.nan)
        knees[target] = values
        if target in why:
            why[target] = np.where(np.isnan(values), "blank" if source else "no table", "")
    knees["Site"], knees["enrolled"], knees["at_baseline"] = "", True, False
    brought = knees.pop("JSL_Prog")
    if "JSL_Prog" in plan.columns:
        labels = given(brought)
    else:
        labels = progression(knees, settings.progression_mm, settings.followup_months)
    return checked(screen(knees, why, labels))


def _read_plan(path: Path) -> Mapping:
    try:
        return Mapping.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise BadTable(
            f"{path}: cannot be read ({error.strerror}); give the path of a mapping file"
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise BadTable(f"{path.name}: not a TOML file ({error}); mend that line") from None
    except ValidationError as error:
        raise BadTable(f"{path.name}: {fault(error)}") from None


def _read_rows(path: Path, plan: Mapping) -> pd.DataFrame:
    if not path.is_file():
        raise BadTable(f"{path}: no such file; give the path of the cohort's table")
    sources = [name for c in plan.columns.values() for name in (c.column, c.right, c.left)]
    names = dict.fromkeys(name.upper() for name in (plan.participant, plan.side, *sources) if name)
    rows, findings = read_table(Entry(path.name, path), TableSpec(path.stem, tuple(names), ""))
    faults = [finding for finding in findings if finding.kind != "unfinished_table"]
    if rows is None or faults:
        raise BadTable(f"{path.name}: {faults[0].sentence}")
    return rows


def _identity(rows: pd.DataFrame, plan: Mapping, name: str) -> tuple[pd.Series, pd.Series]:
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


def _values(
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
    blank = text.isin(("", *plan.missing)) | text.str.fullmatch(r"\.[A-Z]?(:.*)?")
    numbers = text.map(source.codes) if source.codes else pd.to_numeric(text, errors="coerce") * source.factor
    unknown = (numbers.isna() & ~blank).to_numpy()
    if unknown.any():
        row = int(unknown.argmax()) // (1 if plan.side else 2)
        what = "codes" if source.codes else "numbers; give codes, or list it as missing"
        raise BadTable(f"{name}, row {row + 2}: a cell of {cells.name} is none of the {what}")
    return numbers.where(~blank).to_numpy(float)
