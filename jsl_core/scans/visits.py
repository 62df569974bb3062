"""The visit of each film, as a list of films or the cohort table tells it."""

from pathlib import Path

from jsl_core.cohort.cells import read_cells
from jsl_core.cohort.columns import VISIT
from jsl_core.cohort.table import read_visits
from jsl_core.system.spreadsheet import unescape_cell

__all__ = ["visits_of_films"]

_FILM = ("file", "Scan")  # of `_scans.csv` and of the table that `jsl oai` writes


def visits_of_films(table: Path) -> dict[str, str]:
    """Read which visit each film is of.

    Args:
        table: A list of films with the columns `file` and `visit`, or a cohort table with `Scan` and `visit`,
            as `jsl oai --visits` writes both.

    Returns:
        Visits by the films' names below the scan folder; none where the table has no such columns.

    Raises:
        BadTable: If it cannot be read, or a visit is blank.
    """
    cells = read_cells(table, _FILM)
    films, visits = cells.places_of(*_FILM), cells.places_of(VISIT)
    if not films or not visits:
        return {}
    names = (unescape_cell(cell).strip() for cell in cells.column(films[0]))
    return {name: visit for name, visit in zip(names, read_visits(cells, visits[0]), strict=True) if name}
