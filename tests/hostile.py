"""A folder whose modules must never be imported: each leaves a file where it is."""

from pathlib import Path

__all__ = ["imported_in", "put_hostile_modules"]

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


def imported_in(folder: Path) -> list[str]:
    """Which of them were imported, by which process."""
    mark = folder / _MARK
    return mark.read_text().splitlines() if mark.exists() else []
