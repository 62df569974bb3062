"""The journal: everything that was ever done, by several people at once, and what of it holds."""

import io
import threading
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from jsl_core.errors import BadTable, StoreError
from jsl_core.review.acts import Act, Subject
from jsl_core.review.corrections import Corrections, load_corrections, snapshot_corrections
from jsl_core.review.corrections_file import read_acts
from jsl_core.review.journal import Conflict, Journal, NamedAct
from jsl_core.storage import Store, open_store

BOX = Subject(film="a.dcm", pixels="0123456789abcdef", side=1, knee="1000001_1", what="box")
GRADE = Subject(film="a.dcm", pixels="0123456789abcdef", side=1, knee="1000001_1", what="grade")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(str(tmp_path / "store"))


def table(store: Store) -> pd.DataFrame:
    return pd.read_csv(io.BytesIO(store.read("corrections.csv") or b""), dtype=str, keep_default_na=False)


def test_an_act_says_who_when_what_and_what_was_before_and_undoing_it_is_an_act_too(store: Store) -> None:
    journal = Journal(store)
    first = journal.append(BOX, "10 10 60 60", "Ann", upon="")
    second = journal.append(BOX, "20 20 70 70", "Ben", upon=first.name)
    undone = journal.append(BOX, "", "Ben", upon=second.name, undoes=second.name)
    assert [act.value for act in Journal(store).acts()] == ["10 10 60 60", "20 20 70 70", "10 10 60 60"]
    assert (second.before, undone.undoes) == ("10 10 60 60", second.name)
    rows = table(store)
    assert list(rows["who"]) == ["Ann", "Ben", "Ben"]
    assert list(rows["before"]) == ["", "10 10 60 60", "20 20 70 70"]
    assert set(rows["counts"]) == {"yes"}
    assert rows["when"].is_monotonic_increasing
    assert Corrections.of(Journal(store).acts()).films["a.dcm"]["box"] == {"1": (10, 10, 60, 60)}


def test_who_has_not_seen_the_last_act_is_told_whose_it_is_and_nothing_is_written(store: Store) -> None:
    one, two = Journal(store), Journal(store)
    first = one.append(BOX, "10 10 60 60", "Ann", upon="")
    with pytest.raises(Conflict, match="changed meanwhile by Ann") as conflict:
        two.append(BOX, "20 20 70 70", "Ben", upon="")
    assert conflict.value.latest == first
    assert len(two.acts()) == 1
    two.append(GRADE, "3", "Ben", upon="")  # another subject is no conflict


class ReadTogether:
    """A store whose first listing waits for the other thread's: neither sees what the other writes."""

    def __init__(self, store: Store) -> None:
        self._store, self._both, self._own = store, threading.Barrier(2), threading.local()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    def keys(self, prefix: str) -> list[str]:
        keys = list(self._store.keys(prefix))
        if not getattr(self._own, "waited", False):
            self._own.waited = True
            self._both.wait(10)
        return keys


def test_of_two_acts_made_in_the_same_moment_all_readers_agree_on_one_and_the_other_is_told_or_shown(
    store: Store,
) -> None:
    together, told = ReadTogether(store), dict[str, NamedAct | None]()

    def write(who: str, grade: str) -> None:
        try:
            Journal(together).append(GRADE, grade, who, upon="")  # type: ignore[arg-type]
        except Conflict as conflict:
            told[who] = conflict.latest

    threads = [threading.Thread(target=write, args=pair) for pair in (("Ann", "1"), ("Ben", "2"))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    acts = Journal(store).acts()
    (winner,), (loser,) = ([act for act in acts if act.counts is counts] for counts in (True, False))
    assert {winner.who, loser.who} == {"Ann", "Ben"}  # nothing is lost
    assert Corrections.of(act for act in acts if act.counts).grades["1000001_1"] == {
        "a.dcm": int(winner.value)
    }
    assert sorted(table(store)["counts"]) == ["no", "yes"]
    assert told in ({}, {loser.who: winner})


def test_a_record_that_is_damaged_in_one_place_is_read_in_the_other_and_in_both_is_one_line(
    store: Store,
) -> None:
    Journal(store).append(GRADE, "2", "Ann", upon="")
    (key,) = store.keys("corrections/acts")
    store.write(key, b"junk")
    assert [act.value for act in Journal(store).acts()] == ["2"]
    store.write(f"copies/{key}", b"junk")
    with pytest.raises(StoreError, match="is damaged; restore it"):
        Journal(store).acts()


def test_what_was_done_last_holds_though_the_clock_of_who_did_it_is_behind(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Clock(datetime):
        at = datetime(2026, 11, 30, 23, 0, tzinfo=UTC)

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            return cls.at

    monkeypatch.setattr("jsl_core.review.journal.datetime", Clock)
    first = Journal(store).append(GRADE, "3", "Ann", upon="")
    Clock.at -= timedelta(minutes=5)
    Journal(store).append(GRADE, "1", "Ben", upon=first.name)
    assert [act.value for act in Journal(store).acts()] == ["3", "1"]
    assert load_corrections("store", store).grades["1000001_1"] == {"a.dcm": 1}


def test_readers_do_not_change_each_others_readings(store: Store) -> None:
    journal = Journal(store)
    for reader, grade in (("Ann", "2"), ("Ben", "3")):
        subject = Subject(knee="1000001_1", what="reading", reader=reader)
        journal.append(subject, grade, reader, upon="")
    assert [act.counts for act in journal.acts()] == [True, True]


def test_the_file_of_a_store_and_a_snapshot_of_it_say_the_same_as_its_records(
    store: Store, tmp_path: Path
) -> None:
    journal = Journal(store)
    journal.append(BOX, "10 10 60 60", "Ann", upon="")
    journal.append(GRADE, "3", "Ann", upon="")
    journal.append(Subject(film="=1+1.dcm", what="note"), '=cmd, a "quoted"\nline', "Ann", upon="")
    file = tmp_path / "corrections.csv"
    file.write_bytes(store.read("corrections.csv") or b"")
    snapshot = snapshot_corrections("store", store)
    journal.append(GRADE, "4", "Ben", upon=journal.acts()[1].name)  # after the run has begun
    assert load_corrections(str(file), store) == load_corrections(snapshot, store)
    assert load_corrections(snapshot, store).grades["1000001_1"] == {"a.dcm": 3}
    assert load_corrections("store", store).grades["1000001_1"] == {"a.dcm": 4}


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.dcm,1,box,10 10 60", "row 2: .*no box; give x1 y1 x2 y2 in pixels"),
        ("a.dcm,1,box,60 60 10 10", "row 2: .*upper left corner"),
        ("a.dcm,1,box,0 0 900 30", "row 2: .*too far from a square"),
        ("a.dcm,3,box,10 10 60 60", "row 2: side is '3'; give 1 for right"),
        ("a.dcm,,box,10 10 60 60", "row 2: box needs a film and a side"),
        ("a.dcm,1,bocks,10 10 60 60", "row 2: what is 'bocks'; give one of box, sides"),
        (",,turn,90", "row 2: names neither a film nor a knee"),
        ("a.dcm,,turn,45", "row 2: '45' is not one of 90, 180, 270"),
        ("a.dcm,1,note,\x1b[2J", "row 2: .*no characters that steer a terminal"),
        ("a.dcm,1,exclude,\u202egpj", "row 2: .*or the order of letters"),
    ],
)
def test_a_file_edited_by_hand_is_refused_by_its_row_in_one_line(
    row: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "corrections.csv"
    file.write_text(f"film,side,what,value\n{row}\n")
    with pytest.raises(BadTable, match=message) as error:
        read_acts(file)
    assert "\n" not in str(error.value)


def test_a_file_written_by_hand_needs_no_more_than_what_and_of_what_and_may_come_from_a_spreadsheet(
    tmp_path: Path,
) -> None:
    file = tmp_path / "mine.csv"
    file.write_text("Film;Side;What;Value;Counts\r\na.dcm;2.0;box;10 10 60 60;\r\na.dcm;2;box;5 5 9;no\r\n")
    (act,) = read_acts(file)
    assert (act.subject.side, act.subject.pixels, act.who) == (2, "", "by hand")
    (tmp_path / "empty.csv").write_text("film,side,value\na,1,2\n")
    with pytest.raises(BadTable, match="no column what; give film, side, knee, what and value"):
        read_acts(tmp_path / "empty.csv")


@pytest.mark.parametrize(
    "film", [" a.dcm", "a.dcm ", "a\rb.dcm", "a\nb.dcm", "\x1fa.dcm", '"a,;".dcm', "'=a.dcm"]
)
def test_a_film_of_whatever_name_has_its_correction_in_a_run(film: str, store: Store) -> None:
    Journal(store).append(Subject(film=film, what="turn"), "90", "Ann", upon="")
    snapshot = snapshot_corrections("store", store)
    assert load_corrections(snapshot, store).films == {film: {"pixels": "", "turn": 90}}


def test_a_row_by_hand_takes_back_what_a_page_has_drawn_whatever_it_leaves_blank(
    store: Store, tmp_path: Path
) -> None:
    journal = Journal(store)
    journal.append(BOX, "10 10 60 60", "Ann", upon="")
    journal.append(GRADE, "3", "Ann", upon="")
    file = tmp_path / "corrections.csv"
    rows = (store.read("corrections.csv") or b"").decode()
    file.write_text(rows + ",,a.dcm,,1,,box,,,,,\n,,a.dcm,,,1000001 right,grade,,,,,\n")
    assert load_corrections(str(file), store) == Corrections.of([])


@pytest.mark.parametrize(
    ("row", "message"),
    [
        ("a.dcm,2,1000001_1,exclude,blurred", "row 2: side is 2, and knee '1000001_1' is the other one"),
        ("a.dcm,,1000001_1,exclude,blurred", "row 2: exclude names a knee of a film; give its side"),
    ],
)
def test_a_row_by_hand_of_which_it_is_unsure_what_it_leaves_out_is_refused(
    row: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "corrections.csv"
    file.write_text(f"film,side,knee,what,value\n{row}\n")
    with pytest.raises(BadTable, match=message):
        read_acts(file)


def test_a_correction_made_on_other_pixels_than_the_film_now_has_is_stale_and_counted_so() -> None:
    def act(subject: Subject, value: str) -> Act:
        return Act(subject=subject, value=value, who="Ann", when="")

    corrections = Corrections.of(
        [
            act(BOX, "10 10 60 60"),
            act(BOX.model_copy(update={"film": "b.dcm"}), "10 10 60 60"),
            act(BOX.model_copy(update={"film": "gone.dcm"}), "10 10 60 60"),
            act(GRADE, "2"),
        ]
    )
    films = [{"file": "a.dcm", "pixels": "0123456789abcdef" * 4}, {"file": "b.dcm", "pixels": "f" * 64}]
    assert corrections.tally(films, ["1000001_1"]) == {"box": 1, "grade": 1, "stale": 1, "unknown": 1}


def test_a_corrected_grade_is_that_of_its_films_visit_or_of_a_knee_with_one_row() -> None:
    def act(film: str, knee: str, value: str) -> Act:
        return Act(subject=Subject(film=film, knee=knee, what="grade"), value=value, who="Ann", when="")

    corrections = Corrections.of(
        [act("a.dcm", "1000001_1", "1"), act("b.dcm", "1000001_1", "3"), act("", "1000002_2@12", "4")]
    )
    rows = {"ID": ["1000001_1", "1000001_1", "1000002_2", "1000002_2"], "BL_KL_grade": [0.0, 0.0, 0.0, 0.0]}
    visits = {"a.dcm": "00", "b.dcm": "12"}
    table = pd.DataFrame(rows | {"visit": ["00", "12", "00", "12"]})
    laid_over = corrections.lay_over_table(table, visits, leave_out=False)
    assert list(laid_over["BL_KL_grade"]) == [1, 3, 0, 4]
    single = pd.DataFrame({"ID": ["1000001_1", "1000003_1"], "BL_KL_grade": [0.0, 2.0]})
    assert list(corrections.lay_over_table(single, {}, leave_out=False)["BL_KL_grade"]) == [3, 2]
    untouched = single.iloc[1:]
    assert corrections.lay_over_table(untouched, {}, leave_out=False) is untouched
