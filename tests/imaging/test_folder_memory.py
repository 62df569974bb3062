"""What a folder's command remembers of a file holds as long as the code that made it is the same."""

from pathlib import Path

import pytest

from jsl_core.imaging import folder_run
from jsl_core.imaging.folder_run import FolderRun, Row
from jsl_core.system.code_key import CodeKey


def test_a_file_is_worked_on_again_when_the_code_or_a_library_is_another(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, target = tmp_path / "scans", tmp_path / "films"
    source.mkdir()
    (source / "film").write_bytes(b"pixels")
    run = FolderRun(source, target)
    calls = []

    def make(data: bytes) -> list[tuple[Row, bytes]]:
        calls.append(data)
        return [({"png": "film.png"}, data)]

    def rows() -> list[Row]:
        return run.make_or_recall("film", {}, make, fresh=False)

    assert rows() == rows()
    assert calls == [b"pixels"]
    monkeypatch.setattr(folder_run, "code_key", lambda make: CodeKey({"jsl_core.imaging.voi": "other"}, {}))
    assert rows()[0]["png"] == "film.png"
    assert len(calls) == 2
