"""From scans and a cohort table to a packed dataset."""

import json
from pathlib import Path

from prefect import flow, runtime
from pydantic import BaseModel, ConfigDict

from flows.orchestration.begin_run import begin_run
from flows.orchestration.idle_workers import prepare_on_idle_workers
from flows.orchestration.joints import measure_joints, prepare_joints, resize_joints
from flows.orchestration.task_runners import TASK_RUNNER
from jsl_core.cohort import assign_with_frozen_test, read_cohort
from jsl_core.cohort.columns import SPLIT_BY_KNEE
from jsl_core.cohort.pictures import refuse_missing_pictures
from jsl_core.config import PipelineSettings, PresetChoice, apply_preset
from jsl_core.errors import BadSettings, JslError
from jsl_core.review.corrections import load_corrections, snapshot_corrections
from jsl_core.scans.buckets import assign_buckets
from jsl_core.scans.rows import read_rows
from jsl_core.storage import Artifact, tree_files
from jsl_core.storage.registry import read_frozen_test
from tasks.caching import Placement
from tasks.cohort import read_run_cohort, without_names
from tasks.fetch import list_all, list_visits
from tasks.gather import Gathered, gather
from tasks.healing import heal_damage
from tasks.pack import list_images, pack, pack_images
from tasks.run_history import run_folder
from tasks.run_page import show_preparation

__all__ = ["PreparedDataset", "prepare"]


class PreparedDataset(BaseModel):
    """A packed dataset, and the tables of the stages before it, for the report."""

    model_config = ConfigDict(frozen=True)

    dataset: Artifact
    converted: list[Artifact] = []
    split: list[Artifact] = []
    cropped: list[Artifact] = []
    measured: list[Artifact] = []
    cohort: Artifact | None = None
    gathered: Gathered | None = None
    corrections: dict[str, int] = {}


@flow(name="prepare", task_runner=TASK_RUNNER, persist_result=False)
@heal_damage
def prepare(settings: PipelineSettings, preset: PresetChoice = "none", frozen: str = "") -> PreparedDataset:
    """Convert, split and crop every scan, and pack the joints that the table names.

    Args:
        settings: Where scans and table lie, and how the stages treat them.
        preset: A recipe for all settings; what you change from its default goes before it.
        frozen: Key of the store that lists the test participants, as retrain keeps it; empty for none.
    """
    settings = apply_preset(settings, preset)
    if not runtime.flow_run.parent_flow_run_id:  # else its parent has begun the run
        begin_run(settings)
    placement = Placement.of(settings)
    with without_names(placement):
        source = snapshot_corrections(settings.corrections, placement.open())
        settings = settings.model_copy(update={"corrections": source})
        cohort = _ingest_table(settings, frozen, placement)
    if not settings.scans:
        with without_names(placement):
            images = _list_images(settings, placement)
        dataset = pack_images(images, cohort, settings.pack, placement)
        _stop_if_too_many_pictures_failed(dataset, settings, placement)
        return PreparedDataset(dataset=dataset, corrections=_tally_corrections(settings, [], placement))
    buckets = assign_buckets(list_all(settings, placement), placement.open())
    prepare_on_idle_workers(buckets, settings, placement)
    converted, halves, cropped = prepare_joints(buckets, settings, placement)
    resized = resize_joints(cropped, settings.pack.size, settings, placement)
    measured = measure_joints(cropped, settings, placement)
    with without_names(placement):
        visits = list_visits(settings, placement)
    gathered = gather(converted, halves, cropped, placement, visits)
    show_preparation({"convert": converted, "split": halves, "crop": cropped}, gathered, placement)
    _stop_if_too_many_failed(gathered, settings, placement)
    dataset = pack(gathered.joints, resized, measured, cohort, settings.pack, placement)
    return PreparedDataset(
        dataset=dataset,
        converted=converted,
        split=halves,
        cropped=cropped,
        measured=measured,
        cohort=cohort,
        gathered=gathered,
        corrections=_tally_corrections(settings, converted, placement),
    )


def _ingest_table(settings: PipelineSettings, frozen: str, placement: Placement) -> Artifact:
    """Check the table before any scan is touched, and store it, with the frozen test part if there is one."""
    if not settings.cohort:
        raise BadSettings("cohort is empty; give the path of the cohort table (CSV)")
    table, store = read_run_cohort(Path(settings.cohort), placement), placement.open()
    corrections = load_corrections(settings.corrections, store)
    visits = list_visits(settings, placement) if corrections.grades and settings.scans else None
    visit_of = json.loads(store.get(visits)) if visits else {}
    corrected = corrections.lay_over_table(table, visit_of, leave_out=not settings.scans)
    participants = read_frozen_test(store, frozen) if frozen else None
    if participants is None and not settings.pseudonymise and corrected is table:
        return store.put_file(Path(settings.cohort))
    table = corrected
    if participants is not None:
        table = assign_with_frozen_test(table, participants, settings.pack)
    if settings.pack.split_by == "knee":
        table = table.rename(columns={"split": SPLIT_BY_KNEE})
    return store.put(table.drop(columns=["participant", "side"]).to_csv(index=False).encode(), "cohort.csv")


def _tally_corrections(
    settings: PipelineSettings, films: list[Artifact], placement: Placement
) -> dict[str, int]:
    """How many corrections of each kind this run has made use of."""
    if not settings.corrections:
        return {}
    with without_names(placement):
        knees = read_run_cohort(Path(settings.cohort), placement)["ID"]
    store = placement.open()
    return load_corrections(settings.corrections, store).tally(read_rows(store, films), knees)


def _list_images(settings: PipelineSettings, placement: Placement) -> Artifact:
    """The digests of the crops that the table names: the packed dataset depends on them."""
    table = read_cohort(Path(settings.cohort), needs=["Img_path"])
    refuse_missing_pictures(table, Path(placement.scans), settings.max_rejected)
    return list_images(list(table["Img_path"]), placement)


def _stop_if_too_many_failed(gathered: Gathered, settings: PipelineSettings, placement: Placement) -> None:
    if gathered.failed > settings.max_rejected * gathered.scans:
        store = placement.open()
        folder = run_folder([store], settings.name)
        table_url = store.publish(gathered.rejected, f"{folder}/rejected.csv")
        raise JslError(
            f"{gathered.failed} of {gathered.scans} scans were rejected, more than max_rejected "
            f"({settings.max_rejected:.0%}); see {table_url}, then mend the scans or raise max_rejected"
        )


def _stop_if_too_many_pictures_failed(
    dataset: Artifact, settings: PipelineSettings, placement: Placement
) -> None:
    """Count the table's pictures that are not there or cannot be read, as scans are counted."""
    store = placement.open()
    files = tree_files(store, dataset)
    record = json.loads(store.get(files["dataset.json"]))
    failed, knees = record["rejected"], record["knees"] + record["rejected"]
    if failed > settings.max_rejected * knees:
        folder = run_folder([store], settings.name)
        table_url = store.publish(files["rejected.csv"], f"{folder}/rejected.csv")
        raise JslError(
            f"{failed} of {knees} pictures of {Path(settings.cohort).name} cannot be used, more than "
            f"max_rejected ({settings.max_rejected:.0%}); see {table_url}, mend them, or raise max_rejected"
        )
