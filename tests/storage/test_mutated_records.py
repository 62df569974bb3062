"""Whatever bytes lie where a record was: its reader says what was written, or nothing, or one line."""

import random
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from labs import LINE, fill, ledger_of

from jsl_core.errors import JslError
from jsl_core.scans.buckets import assign_buckets
from jsl_core.storage import Artifact, FolderStore, Memo, Registry, tree_files
from jsl_core.storage.archive import archive_key, read_members, write_archive
from jsl_core.storage.gc import collect_garbage, find_garbage
from jsl_core.storage.history import History
from jsl_core.storage.lineage import Lineage
from jsl_core.storage.verify import verify_store

SCAN = Artifact.of_bytes(b"new", "new.dcm")
READERS: dict[str, tuple[str, Callable[[FolderStore], Any]]] = {
    "memo": ("memo/*/*", lambda store: [Memo(store, "convert").get(f"{run}.dcm") for run in ("old", "new")]),
    "order": ("scans/order.json", lambda store: assign_buckets([SCAN], store)),
    "version": ("registry/*/versions/*", lambda store: Registry(store).versions(LINE)),
    "decision": ("registry/*/decisions/*", lambda store: Registry(store).history(LINE)),
    "newest": ("registry/*/newest.txt", lambda store: Registry(store).champion(LINE)),
    "frozen": ("registry/*/frozen-test.json", lambda store: Registry(store).frozen_test(LINE)),
    "run": ("history/*/run.json", lambda store: [run.name for run in History(store).runs()]),
    "step": ("history/*/*/*", lambda store: History(store).steps(History(store).runs())),
    "result": ("results/*/*", lambda store: History(store).results(["convert/convert-new"])),
    "entry": ("landing/*/0*.json", lambda store: ledger_of(store).entries()),
    "joints": ("landing/*/joints/*", lambda store: ledger_of(store).joint_tables()),
}
# What is left out where it is damaged: a caller makes it again, or does without.
_LEFT_OUT = {"memo", "run", "step", "result"}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> FolderStore:
    folder = tmp_path_factory.mktemp("lab")
    store = FolderStore(folder / "store")
    fill(store, folder / "bundles")
    return store


def mutate(data: bytes, rng: random.Random) -> bytes:
    """Cut, flip, double, swap or replace: as power cuts, bad memory, and people with editors do."""
    place = rng.randrange(len(data) + 1)
    kind = rng.randrange(8)
    if kind == 0:
        return data[:place]
    if kind == 1:
        return data[:place] + bytes([rng.randrange(256)]) + data[place + 1 :]
    if kind == 2:
        return data[:place] + data[place // 2 :]
    if kind == 3:
        digits = [index for index, byte in enumerate(data) if chr(byte).isdigit()]
        index = rng.choice(digits or [0])
        return data[:index] + str(rng.randrange(10)).encode() + data[index + 1 :]
    if kind == 4:
        return rng.choice(
            [b"", b"[]", b"{}", b"null", b"0", b'""', b"NaN", b"\xff\xfe", b"[" * 9999, b"\0" * 99]
        )
    if kind == 5:
        return data.replace(b'"', b"'", rng.randrange(1, 4))
    if kind == 6:
        return data.replace(rng.choice([b"proof", b"record", b"sha256", b"name", b"size"]), b"x")
    return data + rng.choice([b" ", b"\n", b"}", data])


@pytest.mark.parametrize("copies", [True, False])
@pytest.mark.parametrize("kind", READERS)
def test_a_mutated_record_is_no_traceback_and_no_other_answer(
    whole: FolderStore, kind: str, copies: bool
) -> None:
    pattern, read = READERS[kind]
    answer = read(whole)
    rng = random.Random(kind)
    for path in sorted(whole.root.glob(pattern)):
        places = [path, whole.root / "copies" / path.relative_to(whole.root)]
        before = {place: place.read_bytes() for place in places if place.exists()}
        for _ in range(25):
            for place in before if copies else [path]:
                place.write_bytes(mutate(before[place], rng))
            value = answer_or_line(lambda: read(whole))
            for place, data in before.items():
                place.write_bytes(data)
            if isinstance(value, str):
                continue
            assert value == answer or kind in _LEFT_OUT
            if isinstance(value, dict):
                assert all(answer[name] == one for name, one in value.items())
            if isinstance(value, list) and kind in _LEFT_OUT:
                assert all(one in (None, "", *answer) for one in value)


def answer_or_line(ask: Callable[[], Any]) -> Any:
    """The answer, or the one line of the error."""
    try:
        return ask()
    except JslError as error:
        line = str(error)
    assert "\n" not in line
    assert not line.endswith(".")
    return line


def test_questions_to_a_store_full_of_mutants_are_answered_or_refused_in_one_line(
    whole: FolderStore, tmp_path: Path
) -> None:
    rng = random.Random(1)
    questions: list[Callable[[FolderStore], Any]] = [
        lambda store: find_garbage(store, 1),
        lambda store: collect_garbage(store, 1),
        lambda store: Lineage(store).trace(SCAN.sha256),
        lambda store: History(store).find("latest"),
        lambda store: Registry(store).rollback(LINE, "why"),
        lambda store: tree_files(store, SCAN),
        lambda store: verify_store(store, mend=True),
    ]
    keys = list(whole.keys(""))
    for number in range(30):
        store = FolderStore(tmp_path / str(number))
        for key in keys:
            data = whole.read(key) or b""
            store.write(key, mutate(data, rng) if rng.random() < 0.3 else data)
        for question in questions:
            answer_or_line(partial(question, store))


def test_a_mutated_archive_yields_what_is_whole_and_nothing_else(tmp_path: Path) -> None:
    store = FolderStore(tmp_path)
    members = {one.sha256: one for one in (store.put(f"crop {number}".encode(), "c") for number in range(5))}
    table = store.put(b"[]", "cropped.json")
    write_archive(store, table, members.values())
    whole, rng = store.read(archive_key(table)) or b"", random.Random(3)
    for _ in range(300):
        data = mutate(whole, rng)
        for member, content in read_members(lambda key, data=data: data, table, members):  # type: ignore[misc]
            assert content == store.get(member)
