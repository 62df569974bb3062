"""`jsl runs`: the runs of a store, how each stands, and what came of it."""

from flows.cli.options import usual_store
from jsl_core.errors import StoreError
from jsl_core.storage import open_existing_store

__all__ = ["runs"]


def runs(*, store: str = "", last: int = 20) -> None:
    """List the runs of a store, the newest first: how each stands, and the figures of its best models.

    Args:
        store: Folder, or s3://bucket/prefix. By default that of jsl run, jsl up or jsl demo in this folder.
        last: How many at most.
    """
    from jsl_core.evaluation.run_list import list_runs

    if last < 1:
        raise StoreError(f"--last {last} lists no run; give 1 or more")
    opened = open_existing_store(usual_store(store))
    found = list_runs(opened)
    if not found:
        raise StoreError(f"store {opened.url}: no run has begun here yet; start one with jsl run")
    for run in found[:last]:
        print(f"{run.state:<8}{run.name:<34}{run.flow:<10}{run.started}".rstrip())
        if run.figures:
            print(f"        {run.figures}")
    if len(found) > last:
        print(f"and {len(found) - last} earlier ones (--last)")
