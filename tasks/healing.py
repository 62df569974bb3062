"""A run that meets damaged objects makes them again, and goes on.

The store sets a damaged object aside as soon as it is read, so that it counts as missing; results that name
it, directly or in a table, are then misses. So a flow that has failed on damage needs only to be done again:
what is whole is cached, the rest is made. Before that all that the run has asked for is read once, so that
one round finds all damage.
"""

import functools
import inspect
import logging
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any, ParamSpec, TypeVar

from jsl_core.errors import JslError
from jsl_core.storage import Store, open_store
from jsl_core.storage.history import History
from jsl_core.storage.needed import needed_by_run
from jsl_core.storage.set_aside import DAMAGED
from tasks.caching import forget_results
from tasks.log_lines import name_log_lines
from tasks.run_history import root_run_id

__all__ = ["heal_damage"]

P = ParamSpec("P")
R = TypeVar("R")

_ROUNDS = 8  # as many as there are stages: each may meet what the one before has just found damaged
_SLACK = 5.0  # seconds by which the ages of objects may be off
_REQUESTS = 8  # at a time


def heal_damage(function: Callable[P, R]) -> Callable[P, R]:
    """Make a flow's function go on after damage in the store that its `settings` or its `store` name."""

    @functools.wraps(function)
    def healed(*args: P.args, **kwargs: P.kwargs) -> R:
        name_log_lines()
        bound = inspect.signature(function).bind(*args, **kwargs)
        bound.apply_defaults()
        url = _store_url(bound.arguments)
        started, known = time.monotonic(), set[str]()
        for _ in range(_ROUNDS):
            try:
                return function(*args, **kwargs)
            except JslError:
                store = open_store(url)
                found = _set_aside_since(store, started) - known
                if not found:
                    raise
                _check_run(store)
                known |= _set_aside_since(store, started)
                logging.getLogger(__name__).warning(
                    "store %s: damaged objects were met; they are made again", store.url
                )
                forget_results()
        return function(*args, **kwargs)

    return healed


def _store_url(arguments: dict[str, Any]) -> str:
    url: str = arguments.get("store") or arguments["settings"].store
    return url


def _set_aside_since(store: Store, started: float) -> set[str]:
    elapsed = time.monotonic() - started
    return {key for key, _, age in store.sizes(DAMAGED) if age <= elapsed + _SLACK}


def _check_run(store: Store) -> None:
    """Read all that this run has asked for so far, and set aside what is damaged."""
    run_id = root_run_id()
    for run in History(store).runs():
        if run.id == run_id:
            keys = [f"cas/{digest[:2]}/{digest}" for digest in needed_by_run(store, run)]
            with ThreadPoolExecutor(_REQUESTS) as pool:
                for key, digest in zip(keys, pool.map(store.digest, keys), strict=True):
                    if digest not in (None, key[-64:]):
                        store.move(key, f"{DAMAGED}/{key[-64:]}-checked")
