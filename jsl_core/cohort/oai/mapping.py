"""The cohort table of another cohort, such as MOST or a hospital's, from its table and a mapping file."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from jsl_core.cohort.columns import OUTCOME, OUTCOME_AMOUNT, OUTCOME_MONTHS
from jsl_core.cohort.identity import refuse_near_equal_participants
from jsl_core.cohort.oai.join import MEASURED
from jsl_core.cohort.oai.labels import label_progression, labels_from_column
from jsl_core.cohort.oai.mapped_outcome import label_mapped
from jsl_core.cohort.oai.mapped_rows import MappedRows
from jsl_core.cohort.oai.mapped_tables import read_mapped_cells
from jsl_core.cohort.oai.mapping_file import read_mapping
from jsl_core.cohort.oai.schema import check_cohort
from jsl_core.cohort.oai.screening import Cohort, screen
from jsl_core.config import OaiSettings
from jsl_core.errors import BadSettings, BadTable

__all__ = ["read_mapped"]

_OUTCOME = (OUTCOME, OUTCOME_AMOUNT, OUTCOME_MONTHS)


def read_mapped(table: Path, mapping: Path, settings: OaiSettings) -> Cohort:
    """Make the cohort of a table, in any form that `read_cells` reads, by a mapping file.

    Args:
        table: The file, or a folder of tables that are joined by participant.
        mapping: The mapping file, or the name of a shipped one.
        settings: What progression is.

    Raises:
        BadSettings: If several visits are asked for.
        BadTable: If either file cannot be read, a column is absent or there twice, a cell is neither number
            nor code, a code is not one of the cohort table's, or two participants may be one person.
    """
    if settings.visits:
        raise BadSettings(
            "visits: a table read by a mapping has one visit of a knee, and the mapping names its outcome; "
            "leave visits out"
        )
    plan = read_mapping(mapping)
    if plan.side and table.is_dir():
        raise BadTable(f"{table}: tables of one row a knee are not joined; give one table")
    rows = MappedRows(plan, read_mapped_cells(table, plan.participant, plan.names))
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
    for target in (*MEASURED, "Replaced_days", "JSL_Prog", "FU_KL_grade", "BL_JSN_medial", "FU_JSN_medial"):
        source = plan.columns.get(target)  # type: ignore[call-overload]
        values = np.array(rows.read(target, source) if source else [np.nan] * len(knees), float)
        knees[target] = values
        if target in reasons:
            reasons[target] = np.where(np.isnan(values), "blank" if source else "no table", "")
    for target in ("Site", "Img_path"):
        source = plan.columns.get(target)  # type: ignore[call-overload]
        knees[target] = rows.read_text(source) if source else ""
    knees["enrolled"], knees["at_baseline"] = True, False
    own_labels = knees.pop("JSL_Prog")
    if plan.outcome:
        named = plan.outcome
        labels = label_mapped(knees, named.name, named.months, named.grades, settings)
    elif "JSL_Prog" in plan.columns:
        labels = labels_from_column(own_labels)
    else:
        labels = label_progression(
            knees, settings.progression_mm, settings.followup_months, settings.replaced
        )
    cohort = check_cohort(screen(knees, reasons, labels))
    more = ["Img_path"] if "Img_path" in plan.columns else []
    columns = knees.join(labels.table)[[*more, *(name for name in _OUTCOME if name in labels.table)]]
    return replace(cohort, table=cohort.table.join(columns, on="ID"))
