"""The cohort table: one row per knee, in the columns of the seed's `JSL.csv`."""

import io
import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from jsl_core.cohort.column_synonyms import to_own_columns
from jsl_core.cohort.columns import FACTORS, GRADE, PROGRESSION, SPLITS
from jsl_core.errors import BadTable

__all__ = ["read_cohort"]

_NUMERIC = (*FACTORS, GRADE, PROGRESSION)
_TEXT = ("split", "Img_path")
_CODES: dict[str, tuple[int, ...]] = {
    "Sex": (1, 2),
    "Race": (0, 1, 2, 3),
    "Knee_Injury": (0, 1),
    GRADE: (0, 1, 2, 3, 4),
    PROGRESSION: (0, 1),
}
_RANGES: dict[str, tuple[float, float]] = {"Age": (0, 120), "BMI": (5, 120), "Alignment_degree": (-60, 60)}


def read_cohort(path: Path, needs: Sequence[str] = (), synonyms: bool = False) -> pd.DataFrame:
    """Read and check a cohort table.

    The columns are separated by comma, semicolon, tab or pipe; the text is UTF-8 (with or without BOM) or
    Latin-1. Empty cells and codes that start with a dot (`.`, `.P`) are missing values.

    Args:
        path: The CSV file.
        needs: Columns that must be there besides `ID`.
        synonyms: Whether columns and sides may go by the names that `to_own_columns` knows, and splits by
            any.

    Returns:
        One row per knee in the file's order with `ID`, `participant`, `side` (1 right, 2 left), `split` and
        `Img_path` ("" where missing), the six factors, `BL_KL_grade` and `JSL_Prog` (float, NaN where
        missing). Other columns are left out.

    Raises:
        BadTable: If the file cannot be read, a column is missing or a cell cannot be understood.
    """
    table = _parse(path)
    table = _select_columns(to_own_columns(table) if synonyms else table, path.name, needs)
    table = _convert_cells(table, path.name)
    _check(table, path.name, any_split=synonyms)
    identity = table["ID"].str.extract(r"^(?P<participant>.+)_(?P<side>[12])$")
    table.insert(1, "participant", identity["participant"])
    table.insert(2, "side", identity["side"].astype(int))
    _check_one_split_each(table, path.name)
    return table


def _parse(path: Path) -> pd.DataFrame:
    try:
        data = path.read_bytes()
    except OSError as error:
        raise BadTable(f"{path}: cannot be read ({error.strerror}); give the path of a CSV file") from error
    if b"\0" in data:
        raise BadTable(f"{path.name}: not a text table; save it as CSV in UTF-8")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = data.decode("latin-1")
    header = text.lstrip().partition("\n")[0]
    separator = max(",;\t|", key=header.count)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", pd.errors.ParserWarning)
            table = pd.read_csv(
                io.StringIO(text), sep=separator, dtype=str, skipinitialspace=True, index_col=False
            )
    except pd.errors.EmptyDataError:
        raise BadTable(
            f"{path.name}: not a CSV table (it is empty); give one row per knee below a header"
        ) from None
    except pd.errors.ParserWarning:
        raise BadTable(
            f"{path.name}: rows have more cells than the header; quote cells with commas"
        ) from None
    except pd.errors.ParserError as error:
        reason = " ".join(str(error).split())
        raise BadTable(f"{path.name}: not a CSV table ({reason}); check its rows") from error
    if separator != ",":  # where the comma does not separate columns it may be a decimal comma
        text_columns = {"id", "img_path", "split"}
        for column in table.columns:
            if column.strip().lower() not in text_columns:
                table[column] = table[column].str.replace(",", ".", regex=False)
    return table


def _select_columns(table: pd.DataFrame, name: str, needs: Sequence[str]) -> pd.DataFrame:
    known = {column.lower(): column for column in ("ID", *_TEXT, *_NUMERIC)}
    table = table.rename(columns=lambda column: known.get(column.strip().lower(), column))
    table = table[[column for column in table.columns if column in known.values()]]
    for column in ("ID", *needs):
        if column not in table.columns:
            raise BadTable(f"{name}: no column {column}; the table needs {', '.join(('ID', *needs))}")
    if not table.columns.is_unique:
        twice = table.columns[table.columns.duplicated()][0]
        raise BadTable(f"{name}: two columns are called {twice}; keep one")
    table = table.dropna(how="all").reset_index(drop=True)
    if table.empty:
        raise BadTable(f"{name}: no rows; give one row per knee")
    return table.reindex(columns=["ID", *_TEXT, *_NUMERIC])


def _convert_cells(table: pd.DataFrame, name: str) -> pd.DataFrame:
    table = table.copy()
    for column in ("ID", *_TEXT):
        table[column] = table[column].astype(object).where(table[column].notna(), "").astype(str).str.strip()
    for column in _NUMERIC:
        text = table[column].astype(object).where(table[column].notna(), "").astype(str).str.strip()
        text = text.where(~text.str.match(r"^\.($|\D)"), "")
        numbers = pd.to_numeric(text.where(text != ""), errors="coerce").astype(float)
        wrong = (numbers.isna() & (text != "")).to_numpy()
        if wrong.any():
            row = int(wrong.argmax())
            raise BadTable(f"{name}, row {row + 2}: {column} is {text[row]!r}; give a number or a blank")
        table[column] = numbers
    return table


def _check(table: pd.DataFrame, name: str, any_split: bool) -> None:
    import pandera.pandas as pa  # here, as reading is the only thing in this room that needs it

    shape = pa.Check.str_matches(r"^.+_[12]$", error="it must be <participant>_1 (right) or _2 (left)")
    known_split = pa.Check.isin(["", *SPLITS], error="it must be train, val, test or blank")
    columns = {"ID": pa.Column(str, shape, unique=True), "split": pa.Column(str)}
    if not any_split:
        columns["split"] = pa.Column(str, known_split)
    for column, codes in _CODES.items():
        allowed = pa.Check.isin(codes, error=f"it must be {', '.join(map(str, codes))} or blank")
        columns[column] = pa.Column(float, allowed, nullable=True)
    for column, (low, high) in _RANGES.items():
        between = pa.Check.in_range(low, high, error=f"it must lie between {low} and {high}")
        columns[column] = pa.Column(float, between, nullable=True)
    try:
        pa.DataFrameSchema(columns).validate(table, lazy=True)
    except pa.errors.SchemaErrors as error:
        first = error.failure_cases.iloc[0]
        value = first["failure_case"]
        shown = f"{value:g}" if isinstance(value, float) else repr(value)
        demand = "keep one row per knee" if first["check"] == "field_uniqueness" else first["check"]
        raise BadTable(f"{name}, row {first['index'] + 2}: {first['column']} is {shown}; {demand}") from error


def _check_one_split_each(table: pd.DataFrame, name: str) -> None:
    assigned = table[table["split"] != ""]
    splits = assigned.groupby("participant")["split"].nunique()
    if (splits > 1).any():
        participant = splits[splits > 1].index[0]
        raise BadTable(
            f"{name}: the knees of participant {participant} are in two splits; put both into the same one"
        )
