"""Sides of joint crops by a table, for pictures whose names do not tell."""

from pathlib import Path

from jsl_core.cohort import read_cohort
from jsl_core.imaging.names import stem

__all__ = ["read_sides"]


def read_sides(table: Path) -> dict[str, int]:
    """Read the sides of pictures, 1 right and 2 left, by their names without folder and suffix.

    Args:
        table: Cohort table with ID and Img_path.

    Raises:
        BadTable: As `read_cohort`.
    """
    rows = read_cohort(table, needs=["Img_path"], any_split=True)
    return {stem(path): int(side) for path, side in zip(rows["Img_path"], rows["side"], strict=True) if path}
