"""The journal of corrections on every kind of store: none has to append, or to write on a condition."""

import pytest

from jsl_core.review.acts import Subject
from jsl_core.review.corrections import load_corrections, snapshot_corrections
from jsl_core.review.journal import Conflict, Journal
from jsl_core.storage import Store


def test_two_reviewers_write_to_one_store_nothing_is_lost_and_the_second_is_told(any_store: Store) -> None:
    ann, ben = Journal(any_store), Journal(any_store)
    boxes = [
        Subject(film=f"{number}.dcm", pixels="0" * 16, side=1, knee=f"{number}_1", what="box")
        for number in range(3)
    ]
    for number, subject in enumerate(boxes):
        (ann, ben)[number % 2].append(subject, f"{number} 0 100 100", "Ann", upon="")
    with pytest.raises(Conflict, match="changed meanwhile by Ann"):
        ben.append(boxes[0], "9 0 100 100", "Ben", upon="")
    table = (any_store.read("corrections.csv") or b"").decode()
    assert table.count("\n") == 1 + 3
    held = load_corrections("store", any_store)
    assert {film: held.films[film]["box"]["1"][0] for film in held.films} == {
        "0.dcm": 0,
        "1.dcm": 1,
        "2.dcm": 2,
    }
    assert load_corrections(snapshot_corrections("store", any_store), any_store) == held
