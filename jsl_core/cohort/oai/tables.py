"""The release's tables read in any case, delimiter and line end, also if cut short or there twice."""

import csv
import io
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from jsl_core.cohort.oai.files import Entry
from jsl_core.cohort.oai.findings import Finding
from jsl_core.cohort.oai.specs import TableSpec
from jsl_core.cohort.text_table import decode_text
from jsl_core.errors import BadTable

__all__ = ["read_all_files", "read_table", "read_tables"]

_SUFFIXES = ("TXT", "CSV", "ASC")
_NO_TEXT_TABLE = "the file is no text table; copy it again"


def read_tables(
    entries: Iterable[Entry], specs: Sequence[TableSpec]
) -> tuple[dict[str, pd.DataFrame], list[Finding]]:
    """Read the tables that a release has.

    Of two different files of one table the newer VERSION is read.

    Args:
        entries: The files of the release.
        specs: The tables and columns that are wanted.

    Returns:
        The tables by name, as text cells, with the columns of their spec in capitals. And a finding for
        everything missing, cut short, of another visit or there twice.

    Raises:
        BadTable: For two different files of the same VERSION.
    """
    files = _entries_by_table(entries)
    tables: dict[str, pd.DataFrame] = {}
    findings: list[Finding] = []
    for spec in specs:
        table, problems = _read_newest(spec, files[spec.name])
        findings += problems
        if table is not None:
            tables[spec.name] = table
    return tables, findings


def read_all_files(entries: Iterable[Entry], spec: TableSpec) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Read all files of one table as one: every image release has its own contents.csv."""
    findings: list[Finding] = []
    parts = []
    for entry in _entries_by_table(entries)[spec.name]:
        table, problems = read_table(entry, spec)
        findings += problems
        if table is not None:
            parts.append(table)
    return (pd.concat(parts, ignore_index=True).drop_duplicates() if parts else None), findings


def _entries_by_table(entries: Iterable[Entry]) -> dict[str, list[Entry]]:
    by_table: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        stem, _, suffix = entry.basename.upper().rpartition(".")
        if suffix in _SUFFIXES:
            by_table[stem].append(entry)
    return by_table


def _read_newest(spec: TableSpec, entries: list[Entry]) -> tuple[pd.DataFrame | None, list[Finding]]:
    file = f"{spec.name.lower()}.txt"
    findings: list[Finding] = []
    candidates: list[tuple[tuple[int, ...], str, pd.DataFrame]] = []
    for entry in entries:
        table, problems = read_table(entry, spec)
        findings += problems
        if table is not None and not any(table.equals(other) for _, _, other in candidates):
            candidates.append((_version(table), entry.name, table))
    if not candidates:
        if not spec.expected:
            return None, findings
        sentence = f"without it there is no {spec.gives}"
        return None, [*findings, Finding("missing_table", file, sentence)]
    candidates.sort(key=lambda candidate: candidate[0], reverse=True)
    if len(candidates) > 1:
        names = f"{candidates[0][1]} and {candidates[1][1]}"
        if candidates[0][0] == candidates[1][0]:
            raise BadTable(f"{file}: {names} differ and are of the same version; keep the one you mean")
        findings.append(Finding("two_releases", file, f"{names} differ; the first, newer, is read"))
    return candidates[0][2], findings


def _version(table: pd.DataFrame) -> tuple[int, ...]:
    """The newest `0.2.2` of a table's rows."""
    versions = table["VERSION"].unique() if "VERSION" in table else ()
    return max((tuple(int(part) for part in re.findall(r"\d+", text)) for text in versions), default=())


def read_table(entry: Entry, spec: TableSpec) -> tuple[pd.DataFrame | None, list[Finding]]:
    """Read one file of a table.

    Args:
        entry: The file.
        spec: The columns that are wanted.

    Returns:
        The table as text cells, None if it cannot be used; and what is odd about it.
    """
    try:
        text = decode_text(entry.read(), entry.name)
    except OSError:
        return None, [Finding("unreadable_table", entry.name, "the file is damaged; copy it again")]
    except BadTable:
        return None, [Finding("unreadable_table", entry.name, _NO_TEXT_TABLE)]
    text = text.replace("\r\n", "\n").replace("\r", "\n").lstrip("\n")
    rows = _rows(text)
    try:
        header = [cell.strip().upper() for cell in next(rows, [])]
    except csv.Error:
        return None, [Finding("unreadable_table", entry.name, _NO_TEXT_TABLE)]
    names = (*spec.required, *spec.reported, *spec.optional, "VERSION")
    if problem := _header_problem(entry, spec, header) or _repeated_column(entry, names, header):
        return None, [problem]
    findings = [
        Finding("missing_column", entry.name, f"has no column {column}; without it there is no {value}")
        for column, value in spec.reported.items()
        if column not in header
    ]
    place_of = {column: header.index(column) for column in names if column in header}
    whole: list[list[str]] = []
    broken = 0
    try:
        for row in rows:
            if len(row) == len(header) + 1 and not row[-1]:
                row.pop()  # some exports end every row with a delimiter
            if len(row) == len(header):
                whole.append([row[place] for place in place_of.values()])
            elif row:
                broken += 1
    except csv.Error:
        return None, [Finding("unreadable_table", entry.name, _NO_TEXT_TABLE)]
    if not whole:
        return None, [Finding("empty_table", entry.name, "has no whole row; it is not used, copy it again")]
    table = pd.DataFrame(whole, columns=list(place_of), dtype=str)
    if broken:
        sentence = (
            f"{broken} of {broken + len(whole)} rows do not have the header's columns; copy the file again"
        )
        findings.append(Finding("truncated_table", entry.name, sentence))
    elif not text.endswith("\n"):
        sentence = "the last line does not end; if it is cut off, copy the file again"
        findings.append(Finding("unfinished_table", entry.name, sentence))
    return table, findings


def _rows(text: str) -> Iterator[list[str]]:
    header = text.partition("\n")[0]
    delimiter = max("|,\t;", key=header.count)
    if delimiter == "|" and not header.startswith('"'):  # a cell may begin with a quotation mark of its own
        return csv.reader(text.split("\n"), delimiter=delimiter, quoting=csv.QUOTE_NONE)
    return csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)


def _header_problem(entry: Entry, spec: TableSpec, header: list[str]) -> Finding | None:
    """Why a table with this header cannot be used."""
    absent = [column for column in (*spec.required, *spec.reported) if column not in header]
    for column in absent:
        visit = re.match(r"V\d\d", column)
        others = [c for c in header if visit and re.fullmatch(r"V\d\d" + re.escape(column[3:]), c)]
        if others:
            sentence = f"holds visit {others[0][1:3]} under the name of visit {column[1:3]}; it is not used"
            return Finding("wrong_visit", entry.name, sentence)
    useless = spec.reported and not any(column in header for column in (*spec.reported, *spec.optional))
    if useless or any(column not in header for column in spec.required):
        return Finding("missing_column", entry.name, f"has no column {', '.join(absent)}; it is not used")
    return None


def _repeated_column(entry: Entry, names: Iterable[str], header: list[str]) -> Finding | None:
    """Two columns of one name, of which nobody knows which counts."""
    repeated = next((name for name in names if header.count(name) > 1), "")
    sentence = f"has two columns called {repeated}; it is not used, copy it again"
    return Finding("unreadable_table", entry.name, sentence) if repeated else None
