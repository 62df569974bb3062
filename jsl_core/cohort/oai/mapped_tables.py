"""The tables of another cohort as one: a file, or all files of a folder, joined by participant."""

from contextlib import suppress
from pathlib import Path

from jsl_core.cohort.cell_values import is_missing
from jsl_core.cohort.cells import TABLE_SUFFIXES, Cells, fold_name, read_cells
from jsl_core.cohort.persons import normalise_participant
from jsl_core.errors import BadTable

__all__ = ["read_mapped_cells"]

_HEAD = 1 << 16  # bytes that hold any header


def read_mapped_cells(path: Path, participant: str, names: set[str]) -> Cells:
    """Read a table, or join the tables of a folder that have the participant's column.

    Args:
        path: A file that `read_cells` reads, or a folder of such files, each with one row a participant.
        participant: The name of the participant's column.
        names: The columns that are wanted; of a folder no others are kept.

    Returns:
        The cells; of a folder its rows are numbered as in the first table, and messages name that.

    Raises:
        BadTable: If a file cannot be read, no table has the column, a table lists a participant twice, or two
            tables have one of the columns.
    """
    if path.is_file():
        return read_cells(path, (participant,))
    if not path.is_dir():
        raise BadTable(f"{path}: no such file; give the path of the cohort's table, or of a folder of tables")
    files = sorted(file for file in path.iterdir() if file.suffix.lower() in TABLE_SUFFIXES)
    tables = [cells for file in files if (cells := _read_table(file, participant)) is not None]
    if not tables:
        raise BadTable(f"{path}: no table in it has the column {participant}, which the mapping names; give "
                       "the folder of the cohort's tables")  # fmt: skip
    return _join(tables, participant, names)


def _read_table(file: Path, participant: str) -> Cells | None:
    """The cells of a table that has the participant's column; None of any other file, such as a note."""
    try:
        cells = read_cells(file, (participant,))
    except BadTable:
        with suppress(OSError), file.open("rb") as stream:
            if participant.casefold().encode() not in stream.read(_HEAD).lower():
                return None
        raise
    return cells if cells.places_of(participant) else None


def _join(tables: list[Cells], participant: str, names: set[str]) -> Cells:
    wanted = {fold_name(name) for name in names} - {fold_name(participant)}
    header, values = [participant], list[dict[str, str]]()
    owners: dict[str, str] = {}
    order: dict[str, tuple[str, int]] = {}  # participants, as the first table writes them, with their row
    for cells in tables:
        key = cells.places_of(participant)[0]
        rows: dict[str, list[str]] = {}
        for row, number in zip(cells.rows, cells.numbers, strict=True):
            name = "" if is_missing(row[key]) else normalise_participant(row[key])
            if not name or name in rows:
                problem = f"participant {name} is there twice" if name else "no participant"
                raise BadTable(f"{cells.name}, row {number}: {problem}; keep one row a participant")
            rows[name] = row
            order.setdefault(name, (row[key], number))
        for place, column in enumerate(cells.header):
            folded = fold_name(column)
            if folded not in wanted:
                continue
            if folded in owners:
                raise BadTable(
                    f"{cells.name} and {owners[folded]} both have the column {column}; keep it in one"
                )
            owners[folded] = cells.name
            header.append(column)
            values.append({name: row[place] for name, row in rows.items()})
    joined = [[cell, *(column.get(name, "") for column in values)] for name, (cell, _) in order.items()]
    title = tables[0].name if len(tables) == 1 else f"{tables[0].name}, joined with {len(tables) - 1} more"
    return Cells(title, tuple(header), joined, [number for _, number in order.values()])
