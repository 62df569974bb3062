"""From scans and a cohort table to a packed dataset."""

import json
from pathlib import Path

from prefect import flow
from pydantic import BaseModel, ConfigDict

from flows.orchestration.joints import to_joints, to_size
from flows.orchestration.task_runners import RUNNER
from flows.shard import with_many_hands
from jsl_core.cohort import assign_with_frozen_test, read_cohort
from jsl_core.config import PipelineSettings, PresetChoice, over_preset
from jsl_core.errors import BadSettings, JslError
from jsl_core.scans.buckets import in_buckets
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.fetch import list_all
from tasks.gather import Gathered, gather
from tasks.pack import pack, pack_images
from tasks.run_page import show_preparation

__all__ = ["Prepared", "prepare"]


class Prepared(BaseModel):
    """What training needs, and what the report tells of how it came about."""

    model_config = ConfigDict(frozen=True)

    dataset: Artifact
    converted: list[Artifact] = []
    split: list[Artifact] = []
    cropped: list[Artifact] = []
    gathered: Gathered | None = None


@flow(name="prepare", task_runner=RUNNER, persist_result=False)
def prepare(settings: PipelineSettings, preset: PresetChoice = "none", frozen: str = "") -> Prepared:
    """Convert, split and crop every scan, and pack the joints that the table names.

    Args:
        settings: Where scans and table lie, and how the stages treat them.
        preset: A recipe for all settings; what you change from its default goes before it.
        frozen: Key of the store that lists the test participants, as retrain keeps it; empty for none.
    """
    settings = over_preset(settings, preset)
    place = Placement.of(settings)
    cohort = _ingest_table(settings, frozen, place)
    if not settings.scans:
        return Prepared(dataset=pack_images(_list_images(settings, place), cohort, settings.pack, place))
    buckets = in_buckets(list_all(settings, place), place.open())
    with_many_hands(buckets, settings, place)
    converted, halves, cropped = to_joints(buckets, settings, place)
    fitted = to_size(cropped, settings.pack.size, settings, place)
    gathered = gather(converted, halves, cropped, place)
    show_preparation({"convert": converted, "split": halves, "crop": cropped}, gathered, place)
    _stop_if_too_many_failed(gathered, settings, place)
    dataset = pack(gathered.joints, fitted, cohort, settings.pack, place)
    return Prepared(dataset=dataset, converted=converted, split=halves, cropped=cropped, gathered=gathered)


def _ingest_table(settings: PipelineSettings, frozen: str, place: Placement) -> Artifact:
    """Check the table before any scan is touched, and keep its bytes, or it with the frozen test part."""
    if not settings.cohort:
        raise BadSettings("cohort is empty; give the path of the cohort table (CSV)")
    table, store = read_cohort(Path(settings.cohort)), place.open()
    names = store.read(frozen) if frozen else None
    if names is None:
        return store.put_file(Path(settings.cohort))
    split = assign_with_frozen_test(table, frozenset(json.loads(names)), settings.pack)
    return store.put(split.drop(columns=["participant", "side"]).to_csv(index=False).encode(), "cohort.csv")


def _list_images(settings: PipelineSettings, place: Placement) -> Artifact:
    """The digests of the crops that the table names: what the packed dataset depends on."""
    table = read_cohort(Path(settings.cohort), needs=["Img_path"])
    paths = [Path(place.scans, path) for path in table["Img_path"] if path]
    digests = [Artifact.of_file(path).sha256 if path.is_file() else "" for path in paths]
    return place.open().put(json.dumps(digests).encode(), "images.json")


def _stop_if_too_many_failed(gathered: Gathered, settings: PipelineSettings, place: Placement) -> None:
    if gathered.failed > settings.max_rejected * gathered.scans:
        where = place.open().publish(gathered.rejected, f"runs/{settings.name}-stopped/rejected.csv")
        raise JslError(
            f"{gathered.failed} of {gathered.scans} scans were rejected, more than max_rejected "
            f"({settings.max_rejected:.0%}); see {where}, then mend the scans or raise max_rejected"
        )
