"""The check of a cohort table made from a release: types, codes, ranges, and labels against widths."""

import pandas as pd

from jsl_core.cohort.columns import JSW, VISIT, VISIT_GRADE
from jsl_core.cohort.oai.screening import Cohort
from jsl_core.errors import BadTable

__all__ = ["check_cohort"]


def check_cohort(cohort: Cohort) -> Cohort:
    """Check the types, codes and ranges of a cohort's table, and its labels against its widths.

    Returns:
        The same cohort.

    Raises:
        BadTable: At the first fault, and for a table without knees.
    """
    import pandera.pandas as pa  # here, as it is slow to import

    if cohort.table.empty:
        largest = cohort.flow.sort_values("excluded").iloc[-1]
        raise BadTable(f"no knee is left; {largest['excluded']} fell out at the step {largest['step']!r}")
    several = VISIT in cohort.table
    columns = {
        "ID": pa.Column(str, pa.Check.str_matches(r"^.+_[12]$"), unique=not several),
        "Age": pa.Column(None, pa.Check.in_range(18, 120), nullable=True),  # whole or not
    }
    for column, codes in {
        "Sex": (1, 2),
        "Race": (0, 1, 2, 3),
        "Knee_Injury": (0, 1),
        "BL_KL_grade": (0, 1, 2, 3, 4),
        "JSL_Prog": (0, 1),
        **({VISIT_GRADE: (0, 1, 2, 3, 4)} if several else {}),
    }.items():
        columns[column] = pa.Column("Int64", pa.Check.isin(codes), nullable=True)
    for column, (low, high) in {
        "BMI": (10, 80),
        "Alignment_degree": (-60, 60),
        **dict.fromkeys(("mJSW_mm", *JSW) if several else ("BL_mJSW_mm", "FU_mJSW_mm"), (0, 20)),
    }.items():
        columns[column] = pa.Column(float, pa.Check.in_range(low, high), nullable=True)
    schema = pa.DataFrameSchema(
        columns,
        checks=[] if several else [pa.Check(_loss_is_difference)],
        unique=["ID", VISIT] if several else None,
    )
    try:
        schema.validate(cohort.table, lazy=True)
    except pa.errors.SchemaErrors as error:
        first = error.failure_cases.iloc[0]
        knee = cohort.table["ID"].get(first["index"], "")
        message = f"cohort table, knee {knee}: {first['column']} is {first['failure_case']}; {first['check']}"
        raise BadTable(" ".join(message.split())) from None
    return cohort


def _loss_is_difference(table: pd.DataFrame) -> pd.Series:
    difference = table["BL_mJSW_mm"] - table["FU_mJSW_mm"]
    return table["JSL_mm"].isna() | ((difference - table["JSL_mm"]).abs() < 1e-3)
