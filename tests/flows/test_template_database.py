"""A server's database begins as a copy of the first one that its version of Prefect made on this machine."""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from flows.server.template_database import TemplateDatabase


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("JSL_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


@contextmanager
def serving(file: Path) -> Iterator[None]:
    """What a server that starts makes of its database: tables, the newest still in the write-ahead log."""
    with closing(sqlite3.connect(file)) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.execute("CREATE TABLE IF NOT EXISTS flow_run (name)")
        database.commit()
        yield


def tables(file: Path) -> list[str]:
    with closing(sqlite3.connect(file)) as database:
        return [name for (name,) in database.execute("SELECT name FROM sqlite_master")]


def start_server(home: Path) -> Path:
    """The database of a home whose server has just started."""
    home.mkdir()
    file = home / "prefect.db"
    database = TemplateDatabase(file)
    database.copy_template()
    with serving(file):
        database.save_template()
    return file


def test_the_second_home_begins_with_what_the_first_server_made(tmp_path: Path, cache: Path) -> None:
    start_server(tmp_path / "one")
    assert len(list(cache.iterdir())) == 1
    TemplateDatabase(tmp_path / "two" / "prefect.db").copy_template()
    assert tables(tmp_path / "two" / "prefect.db") == ["flow_run"]


def test_a_database_with_runs_is_neither_replaced_nor_made_the_template(tmp_path: Path, cache: Path) -> None:
    file = start_server(tmp_path / "one")
    with closing(sqlite3.connect(file)) as database:
        database.execute("CREATE TABLE run_of_mine (name)")
        database.commit()
    (template,) = cache.iterdir()
    before = template.read_bytes()
    again = TemplateDatabase(file)
    again.copy_template()
    again.save_template()
    assert "run_of_mine" in tables(file)
    assert template.read_bytes() == before


def test_where_postgres_is_named_no_file_is_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    start_server(tmp_path / "one")
    monkeypatch.setenv("PREFECT_SERVER_DATABASE_CONNECTION_URL", "postgresql+asyncpg://host/prefect")
    TemplateDatabase(tmp_path / "two" / "prefect.db").copy_template()
    assert not (tmp_path / "two").exists()


def test_without_a_cache_folder_every_server_migrates_its_own(tmp_path: Path, cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    assert tables(start_server(tmp_path / "one")) == ["flow_run"]
