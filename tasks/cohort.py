"""The cohort table as a run's stages see it: participants by their pseudonyms where the run has these."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pandas as pd

from jsl_core.cohort import read_cohort
from jsl_core.errors import BadTable
from tasks.caching import Placement

__all__ = ["read_run_cohort", "without_names"]


@contextmanager
def without_names(placement: Placement) -> Iterator[None]:
    """Keep back what an error of the cohort table names where a run has pseudonyms: Prefect keeps messages.

    Raises:
        BadTable: As it was raised within, or in words that name nobody.
    """
    try:
        yield
    except BadTable:
        if not placement.pseudonymise:
            raise
        raise BadTable(
            "cohort: the table cannot be used, and why may name somebody; see it with jsl check"
        ) from None


def read_run_cohort(path: Path, placement: Placement, needs: Sequence[str] = ()) -> pd.DataFrame:
    """Read the cohort table where it lies.

    With pseudonyms, participants and knees go by these, and no picture is named.

    Args:
        path: The table.
        placement: Whether there are pseudonyms.
        needs: Columns that must be there besides `ID`.

    Raises:
        BadTable: If it cannot be used.
        BadSettings: If there is no key of the pseudonyms.
    """
    table, pseudonyms = read_cohort(path, needs), placement.pseudonyms()
    if pseudonyms is None:
        return table
    participants = table["participant"].map(pseudonyms)
    knees = participants + "_" + table["side"].astype(str)
    return table.assign(ID=knees, participant=participants, Img_path="")
