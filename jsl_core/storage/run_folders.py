"""Where runs publish: a folder for each below `runs/`, named by its start in UTC, and which is the newest.

`runs/<UTC time>-<name>/run.json` says whose it is; `runs/latest.json` names the newest run with a report.
"""

import itertools
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from jsl_core.errors import StoreError
from jsl_core.storage.interface import Store, read_facts

__all__ = [
    "claim_run_folder",
    "describe_run",
    "folder_of_run",
    "list_run_folders",
    "point_to_latest",
    "read_run_record",
    "resolve_latest",
    "run_in_folder",
]

LATEST = "runs/latest.json"

_STAMP = "%Y%m%dT%H%M%SZ"
_WORD = "latest"


def claim_run_folder(stores: Sequence[Store], run: str, started: datetime, name: str) -> str:
    """Find the folder of a run, and take it if nobody has: another run of that name and second gets the next.

    Asking again for the same run gives the same folder: what is killed and goes on publishes where it would
    have. Two runs that take the same folder at once both ask again when they publish, and see whose it is.

    Args:
        stores: All places that the run publishes to.
        run: The run's id.
        started: When it first started.
        name: Its name in the settings.

    Returns:
        A key such as `runs/20261130T115200Z-run`; sorted, the runs are in the order of their starts.
    """
    base = f"runs/{started.astimezone(UTC).strftime(_STAMP)}-{name}"
    record = {"id": run, "name": name, "started": started.astimezone(UTC).isoformat()}
    for number in itertools.count(1):
        folder = base if number == 1 else f"{base}-{number}"
        if all(_claim(store, folder, record) for store in stores):
            return folder
    raise AssertionError("there is always a next number")


def describe_run(store: Store, folder: str, contents: Mapping[str, Any]) -> None:
    """Add to a run's record what belongs to it.

    Args:
        store: Where it was published.
        folder: As `claim_run_folder` gave it.
        contents: Keys of the store by what lies there.
    """
    record = {**read_facts(store, f"{folder}/run.json"), **contents}
    store.write(f"{folder}/run.json", json.dumps(record, indent=1).encode())


def point_to_latest(store: Store, folder: str) -> None:
    """Name a run as the newest, unless one that started later is named already.

    Args:
        store: Where it was published.
        folder: As `claim_run_folder` gave it.
    """
    newest = str(read_facts(store, LATEST).get("run", ""))
    if _stamp(folder) >= _stamp(newest):
        record = {"run": folder, "report": f"{folder}/report.html"}
        store.write(LATEST, json.dumps(record, indent=1).encode())


def resolve_latest(store: Store, key: str) -> str:
    """Put the newest run's folder for `runs/latest` in a key; `latest` alone is its report.

    Args:
        store: The store.
        key: Such as `runs/latest/metrics.json`; any other stays as it is.

    Raises:
        StoreError: If no run has published a report yet.
    """
    parts = key.removeprefix("runs/").split("/")
    if parts[0] != _WORD:
        return key
    record = read_facts(store, LATEST)
    if not isinstance(record.get("run"), str):
        raise StoreError(f"store {store.url}: no run has published a report yet; name a published object")
    return "/".join([record["run"], *(parts[1:] or ["report.html"])])


def run_in_folder(store: Store, name: str) -> str:
    """The id of the run whose folder has this name, with or without `runs/`; empty where there is none."""
    return str(read_run_record(store, name).get("id", ""))


def folder_of_run(store: Store, run: str) -> str:
    """The name of the folder of a run, given by its id; empty where it has none yet."""
    return next((each for each in list_run_folders(store) if run_in_folder(store, each) == run), "")


def list_run_folders(store: Store) -> list[str]:
    """The names of the folders of all runs, the newest first."""
    keys = (key.split("/") for key in store.keys("runs"))
    return sorted((parts[1] for parts in keys if parts[2:] == ["run.json"]), reverse=True)


def read_run_record(store: Store, name: str) -> dict[str, Any]:
    """What `describe_run` recorded of the run whose folder has this name; empty where there is none."""
    folder = name.removeprefix("runs/").strip("/")
    return read_facts(store, f"runs/{folder}/run.json") if folder and "/" not in folder else {}


def _claim(store: Store, folder: str, record: Mapping[str, Any]) -> bool:
    """Whether the folder is this run's; it becomes so where it is nobody's."""
    key = f"{folder}/run.json"
    if store.read(key) is None:
        store.write(key, json.dumps(record, indent=1).encode())
    return bool(read_facts(store, key).get("id") == record["id"])


def _stamp(folder: str) -> str:
    return folder.removeprefix("runs/").partition("-")[0]
