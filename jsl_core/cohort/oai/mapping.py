"""The cohort table of another cohort, such as MOST or a hospital's, from its table and a mapping file."""

from pathlib import Path

import numpy as np
import pandas as pd

from jsl_core.cohort.cells import read_cells
from jsl_core.cohort.identity import refuse_near_equal_participants
from jsl_core.cohort.oai.join import MEASURED
from jsl_core.cohort.oai.labels import label_progression, labels_from_column
from jsl_core.cohort.oai.mapped_rows import MappedRows
from jsl_core.cohort.oai.mapping_file import read_mapping
from jsl_core.cohort.oai.schema import check_cohort
from jsl_core.cohort.oai.screening import Cohort, screen
from jsl_core.config import OaiSettings
from jsl_core.errors import BadTable

__all__ = ["read_mapped"]


def read_mapped(table: Path, mapping: Path, settings: OaiSettings) -> Cohort:
    """Make the cohort of a table, in any form that `read_cells` reads, by a mapping file.

    Raises:
        BadTable: If either file cannot be read, a column is absent or there twice, a cell is neither number
            nor code, a code is not one of the cohort table's, or two participants may be one person.
    """
    plan = read_mapping(mapping)
    if not table.is_file():
        raise BadTable(f"{table}: no such file; give the path of the cohort's table")
    rows = MappedRows(plan, read_cells(table, (plan.participant,)))
    knees = pd.DataFrame({"participant": rows.participants, "side": rows.sides})
    knees.index = pd.Index(knees["participant"] + "_" + knees["side"].astype(str), name="ID")
    if not knees.index.is_unique:
        knee = knees.index[knees.index.duplicated()][0]
        first, second, *_ = (rows.numbers[place] for place, name in enumerate(knees.index) if name == knee)
        raise BadTable(
            f"{table.name}, rows {first} and {second}: knee {knee} is there twice; keep one row a knee"
        )
    refuse_near_equal_participants(zip(rows.numbers, rows.participants, strict=True), table.name)
    reasons = pd.DataFrame("", index=knees.index, columns=list(MEASURED))
    for target in (*MEASURED, "Replaced_days", "JSL_Prog"):
        source = plan.columns.get(target)  # type: ignore[call-overload]
        values = np.array(rows.read(target, source) if source else [np.nan] * len(knees), float)
        knees[target] = values
        if target in reasons:
            reasons[target] = np.where(np.isnan(values), "blank" if source else "no table", "")
    knees["Site"], knees["enrolled"], knees["at_baseline"] = "", True, False
    own_labels = knees.pop("JSL_Prog")
    if "JSL_Prog" in plan.columns:
        labels = labels_from_column(own_labels)
    else:
        labels = label_progression(
            knees, settings.progression_mm, settings.followup_months, settings.replaced
        )
    return check_cohort(screen(knees, reasons, labels))
