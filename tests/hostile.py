"""A folder whose modules must never be imported: each leaves a file where it is."""

from pathlib import Path

__all__ = ["imported_in", "put_hostile_modules", "put_hostile_settings"]

# Names of the standard library and of JSL, which other modules import all the time, and what site imports.
_MODULES = (
    *("calendar.py", "html.py", "socket.py", "signal.py", "selectors.py", "runpy.py", "random.py"),
    *("flows/__init__.py", "jsl_core/__init__.py", "tasks/__init__.py", "deployments/__init__.py"),
    *("prefect/__init__.py", "torch/__init__.py", "sitecustomize.py", "usercustomize.py"),
)
_CODE = """
import sys
with open({mark!r}, "a") as file:
    file.write(f"{{__name__}} in {{sys.argv}}\\n")
raise ImportError("imported from the current folder")
"""
_MARK = "imported-from-the-current-folder"


def put_hostile_modules(folder: Path) -> Path:
    """Put them into a folder, and return it."""
    for name in _MODULES:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(_CODE.format(mark=str(folder / _MARK)))
    return folder


# What Prefect reads in the current folder: another server, database, and a log whose set-up runs a program.
_SETTINGS = {
    "prefect.toml": """
[api]
url = "http://127.0.0.1:9/api"
[logging]
config_path = "log.yml"
[server.database]
connection_url = "sqlite+aiosqlite:///theirs.db"
""",
    ".env": """
PREFECT_LOGGING_CONFIG_PATH=log.yml
PREFECT_SERVER_DATABASE_CONNECTION_URL=sqlite+aiosqlite:///theirs.db
PREFECT_RESULTS_PERSIST_BY_DEFAULT=false
""",
    "log.yml": """
version: 1
handlers:
  theirs:
    (): subprocess.check_call
    args: [touch, {mark}]
""",
}


def put_hostile_settings(folder: Path) -> Path:
    """Put settings of Prefect there, and return the folder."""
    for name, text in _SETTINGS.items():
        (folder / name).write_text(text.format(mark=folder / _MARK))
    return folder


def imported_in(folder: Path) -> list[str]:
    """Which of them were imported, by which process; or what their settings have led to."""
    mark = folder / _MARK
    taken = [name for name in ("theirs.db",) if (folder / name).exists()]
    return [*taken, *(mark.read_text().splitlines() or ["log.yml"])] if mark.exists() else taken
