"""A bad scan becomes a row; a good one is worked on once."""

import io
from collections.abc import Iterator, Sequence
from pathlib import Path

import pandas as pd
import pytest

from jsl_core.errors import BadScan
from jsl_core.scans.rows import Outcome, Row, map_with_memo, rejected_table
from jsl_core.storage import FolderStore, Memo


class Doubler:
    """Doubles a number; refuses 13, and is interrupted at `stop`."""

    def __init__(self, stop: int | None = None) -> None:
        self.stop, self.worked_on = stop, list[int]()

    def __call__(self, items: Sequence[Row]) -> Iterator[Outcome]:
        for item in items:
            if item["n"] == self.stop:
                raise KeyboardInterrupt
            self.worked_on.append(item["n"])
            yield BadScan("unlucky", "13 is unlucky") if item["n"] == 13 else [{"double": 2 * item["n"]}]


def items(*numbers: int) -> list[Row]:
    return [{"n": number, "file": f"{number}.dcm"} for number in numbers]


@pytest.fixture
def memo(tmp_path: Path) -> Memo:
    return Memo(FolderStore(tmp_path), "stage")


def test_a_bad_item_is_a_row_with_its_reason_and_stops_nothing(memo: Memo) -> None:
    rows = map_with_memo(items(1, 13, 2), Doubler(), memo)
    assert rows == [
        {"double": 2},
        {"file": "13.dcm", "reason": "unlucky", "sentence": "13 is unlucky"},
        {"double": 4},
    ]


def test_one_new_item_costs_one_item(memo: Memo) -> None:
    before = map_with_memo(items(1, 13, 3), Doubler(), memo)
    worker = Doubler()
    after = map_with_memo(items(1, 2, 13, 3), worker, memo)
    assert worker.worked_on == [2]
    assert [row for row in after if row != {"double": 4}] == before


def test_an_interrupted_stage_goes_on_where_it_stopped(memo: Memo) -> None:
    with pytest.raises(KeyboardInterrupt):
        map_with_memo(items(1, 2, 3), Doubler(stop=3), memo)
    worker = Doubler()
    assert map_with_memo(items(1, 2, 3), worker, memo) == [{"double": 2}, {"double": 4}, {"double": 6}]
    assert worker.worked_on == [3]


def test_a_worker_killed_by_the_system_is_not_held_against_the_scan(memo: Memo) -> None:
    def killed(todo: Sequence[Row]) -> Iterator[Outcome]:
        yield BadScan("worker_killed", "the worker was killed")

    assert map_with_memo(items(1), killed, memo)[0]["reason"] == "worker_killed"
    assert map_with_memo(items(1), Doubler(), memo) == [{"double": 2}]


def test_the_table_of_rejects_has_one_line_each_and_only_the_rejects() -> None:
    rows: list[Row] = [
        {"file": "b.dcm", "reason": "empty", "sentence": "no, nothing"},
        {"file": "a.dcm", "ID": "1000001_1"},
        {"file": "a.dcm", "ID": "1000001_2", "reason": "no_joint", "sentence": "no joint found"},
    ]
    table = pd.read_csv(io.BytesIO(rejected_table(rows)))
    assert list(table["file"]) == ["a.dcm", "b.dcm"]
    assert list(table.columns) == ["file", "ID", "reason", "sentence"]
    assert rejected_table([]) == b"file,ID,reason,sentence\n"
