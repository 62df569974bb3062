"""Column names that other makers of cohort tables use, and what this project calls them."""

import pandas as pd

__all__ = ["to_own_columns"]

# Looked for, without regard to case, where the table has no column of this project's name.
_SYNONYMS = {
    "ID": ("knee", "knee_id"),
    "participant": ("participant_id", "participantid", "patient", "patient_id", "subject", "src_subject_id"),
    "side": ("laterality",),
    "Img_path": ("file", "filename", "file_name", "path", "image", "image_path", "img"),
    "BL_KL_grade": ("kl", "kl_grade", "klg", "grade", "label", "v00xrkl"),
    "JSL_Prog": ("progression", "progressed"),
}
_SIDES = {"1": "1", "r": "1", "right": "1", "rechts": "1", "2": "2", "l": "2", "left": "2", "links": "2"}
_ENDING = r"(?i)^(.+?)[_\- ]?(r|l|right|left)$"


def to_own_columns(table: pd.DataFrame) -> pd.DataFrame:
    """Rename the columns of a table to this project's names, and write IDs as `<participant>_<side>`.

    Args:
        table: Text cells. An ID may end in R, L, right or left, or be missing beside a participant and a
            side (1, 2, R, L, right, left).

    Returns:
        A new table; what is not recognised stays as it is.
    """
    names = {str(column).strip().lower(): column for column in table.columns}
    renamed = {}
    for own, synonyms in _SYNONYMS.items():
        if own.lower() in names:
            renamed[names[own.lower()]] = own
        else:
            renamed |= next(({names[name]: own} for name in synonyms if name in names), {})
    table = table.rename(columns=renamed)
    if not table.columns.is_unique:
        return table  # `read_cohort` names the column that is there twice
    if "ID" in table:
        parts = table["ID"].str.strip().str.extract(_ENDING)
        sided = parts[0] + "_" + parts[1].str.lower().map(_SIDES)
        return table.assign(ID=sided.where(sided.notna(), table["ID"]))
    if {"participant", "side"} <= set(table):
        sides = table["side"].str.strip().str.lower().map(_SIDES)
        return table.assign(ID=table["participant"].str.strip() + "_" + sides.fillna(table["side"]))
    return table
