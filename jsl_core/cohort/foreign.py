"""Tables of labelled knees that others made: the same columns by other names."""

import pandas as pd

__all__ = ["domestic"]

# Each is looked for, without regard to case, where the table has no column of the first name.
_NAMES = {
    "ID": ("knee", "knee_id"),
    "participant": ("participant_id", "participantid", "patient", "patient_id", "subject", "src_subject_id"),
    "side": ("laterality",),
    "Img_path": ("file", "filename", "file_name", "path", "image", "image_path", "img"),
    "BL_KL_grade": ("kl", "kl_grade", "klg", "grade", "label", "v00xrkl"),
    "JSL_Prog": ("progression", "progressed"),
}
_SIDES = {"1": "1", "r": "1", "right": "1", "rechts": "1", "2": "2", "l": "2", "left": "2", "links": "2"}
_ENDING = r"(?i)^(.+?)[_\- ]?(r|l|right|left)$"


def domestic(table: pd.DataFrame) -> pd.DataFrame:
    """A table of text cells with this project's names, and IDs as `<participant>_<side>` where that is clear.

    An ID may end in R, L, right or left instead, or be missing beside a participant and a side (1, 2, R, L,
    right, left). What is not recognised stays as it is.
    """
    names = {str(column).strip().lower(): column for column in table.columns}
    found = {}
    for ours, theirs in _NAMES.items():
        if ours.lower() in names:
            found[names[ours.lower()]] = ours
        else:
            found |= next(({names[other]: ours} for other in theirs if other in names), {})
    table = table.rename(columns=found)
    if "ID" in table:
        parts = table["ID"].str.strip().str.extract(_ENDING)
        sided = parts[0] + "_" + parts[1].str.lower().map(_SIDES)
        return table.assign(ID=sided.where(sided.notna(), table["ID"]))
    if {"participant", "side"} <= set(table):
        sides = table["side"].str.strip().str.lower().map(_SIDES)
        return table.assign(ID=table["participant"].str.strip() + "_" + sides.fillna(table["side"]))
    return table
