"""`jsl cohort`: from a folder of pictures per KL grade to the cohort table."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from cyclopts import Parameter

if TYPE_CHECKING:
    import pandas as pd

__all__ = ["cohort"]


def cohort(
    folder: Path,
    dst: Path,
    *,
    skip: Annotated[list[str] | None, Parameter(consume_multiple=True, negative="")] = None,
) -> None:
    """Make a cohort table of joint pictures in a folder per KL grade, such as `train/2/1000001L.png`.

    Args:
        folder: Holds folders 0 to 4, or train, val and test with these in them.
        dst: The table to write, DST.csv; its Img_path leads from there to the pictures, which stay.
        skip: Names of folders to leave out.
    """
    from jsl_core.cohort.picture_folder import read_picture_folder
    from jsl_core.system.files import write_atomically

    pictures = read_picture_folder(folder, dst.absolute().parent, skip or ())
    with write_atomically(dst) as file:
        file.write(pictures.to_csv())
    table = pictures.table
    grades = ", ".join(f"{number} of KL {grade}" for grade, number in _count(table["BL_KL_grade"]))
    splits = ", ".join(f"{number} {name}" for name, number in _count(table["split"]) if name)
    print(f"{len(table)} knees of {table['participant'].nunique()} participants: {grades}")
    if splits:
        print(f"Splits: {splits}")
    if pictures.others:
        others = ", ".join(f"{number} {kind}" for kind, number in pictures.others.most_common())
        print(f"Other files, left out: {others}")
    print(dst)


def _count(column: "pd.Series") -> list[tuple[Any, int]]:
    return sorted(column.value_counts().items())
