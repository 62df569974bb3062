"""`jsl lineage`, `why`, `diff`, `link`, `gc`, `verify`: questions to a store, its cleaning and mending."""

from typing import Literal

from flows.cli.options import usual_store
from jsl_core.errors import StoreError
from jsl_core.storage import checkout, open_existing_store, work_folder
from jsl_core.storage.find_dataset import find_dataset
from jsl_core.storage.run_folders import resolve_latest, run_in_folder

__all__ = ["diff", "gc", "lineage", "link", "verify", "why"]

_STORE = "jsl-store"


def lineage(
    name: str, *, store: str = "", format: Literal["text", "mermaid"] = "text", code: bool = False
) -> None:
    """Print what a file, a knee or an artifact was made from, by which code and settings, down to the scans.

    Args:
        name: A file that a run wrote, or its key, such as runs/latest/report.html or models/kl/0123456789ab;
            a knee, such as 1000001_1; or how a SHA-256 begins.
        store: Folder, or s3://bucket/prefix. By default that of jsl run, jsl up or jsl demo in this folder.
        format: Lines, or a mermaid graph.
        code: List the digest of each module of each step.
    """
    from jsl_core.scans.find_digest import find_digest
    from jsl_core.storage.lineage import Lineage, as_mermaid, as_text

    opened = open_existing_store(usual_store(store))
    node = Lineage(opened).trace(find_digest(opened, name))
    print(as_mermaid(node) if format == "mermaid" else as_text(node, code))


def why(run: str, task: str, *, store: str = _STORE) -> None:
    """Print which part of a task's key changed since the runs before, so that it ran again.

    Args:
        run: A run by its name or id, or how one begins, or by its folder's name; `latest` for the newest.
        task: convert, split, crop, gather, pack, train, evaluate, report, …
        store: Folder, or s3://bucket/prefix.
    """
    from jsl_core.storage.cache_miss import explain_misses

    opened = open_existing_store(store)
    print("\n".join(explain_misses(opened, run_in_folder(opened, run) or run, task)))


def link(key: str, *, store: str = _STORE) -> None:
    """Print a link by which a browser, for a day, gets one object of a store: a report, a table, a model.

    Anyone who has the link can read that object, and nothing else.

    Args:
        key: As published, such as runs/20260131T080000Z-run/report.html, or with the store's URL before it;
            latest for the newest run's report, runs/latest/metrics.json for another of its files.
        store: Folder, or s3://bucket/prefix.
    """
    opened = open_existing_store(store)
    key = resolve_latest(opened, key.removeprefix(f"{opened.url}/"))
    folder, _, _ = key.rpartition("/")
    if key not in opened.keys(folder):
        raise StoreError(f"store {opened.url}: there is no {key}; name a published object")
    print(opened.link(key))


def diff(old: str, new: str, *, store: str = _STORE) -> None:
    """List the knees and labels that were added to a dataset, have gone from it, or changed.

    Args:
        old: A dataset's SHA-256, or how it begins: the name of its folder below `datasets/`; or a run's name.
        new: Another one.
        store: Folder, or s3://bucket/prefix.
    """
    from jsl_core.dataset import PackedDataset
    from jsl_core.dataset.difference import compare_datasets

    opened = open_existing_store(store)
    trees = work_folder(store) / "trees"
    both = [PackedDataset.load(checkout(opened, find_dataset(opened, start), trees)) for start in (old, new)]
    changes = compare_datasets(*both)
    for what, count in changes["what"].value_counts().items():
        print(f"{what}: {count}")
    print(changes.to_csv(index=False) if len(changes) else "The same knees, labels and pixels.")


def gc(
    *,
    keep_last: int = 0,
    store: str = _STORE,
    dry_run: bool = False,
    undo: bool = False,
    empty_trash: bool = False,
) -> None:
    """Remove what neither the last runs, nor runs in progress, nor registered models need; not beside a run.

    What is removed lies in the store's trash until gc runs again after a day or later.

    Args:
        keep_last: How many finished runs to keep whole; all others can be made again from the scans.
        store: Folder, or s3://bucket/prefix.
        dry_run: Only tell what would go.
        undo: Bring back what was removed last, instead.
        empty_trash: Delete for good what lies in the trash, instead.
    """
    from jsl_core.storage.gc import collect_garbage, empty_trash_of, find_garbage, undo_collection

    opened = open_existing_store(store)
    if undo:
        print(f"{undo_collection(opened)} objects are back in store {opened.url}")
        return
    if empty_trash:
        count, size = empty_trash_of(opened)
        print(f"{count} objects, {size / 1e6:.1f} MB, of the trash are deleted")
        return
    if keep_last < 1:
        raise StoreError(f"--keep-last {keep_last} keeps no run; give 1 or more")
    garbage = find_garbage(opened, keep_last) if dry_run else collect_garbage(opened, keep_last)
    if dry_run:
        print("\n".join(garbage.keys))
    done = "would be moved to the trash" if dry_run else "moved to the trash (jsl gc --undo brings them back)"
    print(
        f"{len(garbage.keys)} objects, {garbage.size / 1e6:.1f} MB, of {len(garbage.removed_runs)} runs "
        f"{done}; {len(garbage.kept_runs)} runs kept"
    )
    for run in garbage.running:
        print(f"Not now: run {run} is at work, and may need what earlier runs made.")
    for key in garbage.unreadable:
        print(f"Not now: {key} may name what is needed and cannot be read.")


def verify(store: str, /, *, mend: bool = False) -> None:
    """Check every object and record of a store against what proves it.

    Args:
        store: Folder, or s3://bucket/prefix; all of it is read.
        mend: Take away what can be made again, and restore what is kept twice.
    """
    from flows.cli.terminal import Bars
    from jsl_core.storage.verify import verify_store

    opened = open_existing_store(store)
    with Bars() as bars:
        findings = verify_store(opened, mend, bars.callback("verify"))
    for finding in findings:
        print(finding)
    lasting = [finding for finding in findings if not (mend and finding.remedy)]
    if lasting:
        what = "cannot be mended" if mend else "are not as they were written"
        what_to_do = "restore them from a backup" if mend else "run jsl verify with --mend"
        raise StoreError(f"store {opened.url}: {len(lasting)} objects {what}; {what_to_do}")
    mended = f"{len(findings)} objects mended" if findings else "everything is as it was written"
    print(f"store {opened.url}: {mended}")
