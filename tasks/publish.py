"""Stage 9: what people look for, under readable keys of the store, and as Prefect artifacts."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

from prefect.artifacts import create_image_artifact
from pydantic import BaseModel, ConfigDict

from jsl_core.config import PipelineSettings
from jsl_core.evaluation.report.data_uri import data_uri
from jsl_core.evaluation.report.overview import format_overview
from jsl_core.imaging.names import DistinctNames, encode_name
from jsl_core.scans.rows import read_rows
from jsl_core.storage import Artifact, Store, open_store, publish_all, tree_files
from jsl_core.storage.run_folders import describe_run, point_to_latest
from jsl_core.storage.run_links import report_link
from tasks.caching import Placement, stage
from tasks.gather import Gathered
from tasks.onnx import as_onnx
from tasks.run_history import record_end, run_folder
from tasks.run_page import show_lineage, show_results
from tasks.track import track

__all__ = ["Published", "publish", "publish_targets"]


class Published(BaseModel):
    """Where the run's report lies, and its short table as text."""

    model_config = ConfigDict(frozen=True)

    report: str
    table: str


def publish(
    dataset: Artifact,
    models: Mapping[str, Artifact],
    gathered: Gathered | None,
    figures: Artifact,
    papers: Artifact,
    settings: PipelineSettings,
    placement: Placement,
) -> Published:
    """Copy a run's results to `runs/`, `models/`, `datasets/` and `joints/`, and show them on its page.

    `papers` is the tree that the report stage made: the page, the checklists and the models' cards.
    """
    store = placement.open()
    targets = publish_targets(store, settings.publish)
    run = run_folder(targets, settings.name)
    folders = {run: {"metrics.json": figures, **tree_files(store, papers)}}
    tables = tree_files(store, dataset)
    folders[f"datasets/{dataset.sha256[:12]}"] = {
        name: tables[name] for name in ("table.csv", "rejected.csv")
    }
    joints = ""
    if gathered:
        folders[run]["rejected.csv"] = gathered.rejected
        joints = f"joints/{gathered.joints.sha256[:12]}"  # the same for every run on the same films
        distinct = DistinctNames()
        folders[joints] = {
            distinct(f"{encode_name(row['ID'])}.png"): Artifact.model_validate(row["png"])
            for row in read_rows(store, [gathered.joints])
        }
    for name, model in models.items():
        folders[f"models/{name}/{model.sha256[:12]}"] = {
            **tree_files(store, model),
            **as_onnx(model, placement),
            "model-card.md": folders[run][f"cards/{name}.md"],
        }
    contents = {
        "dataset": f"datasets/{dataset.sha256[:12]}",
        "joints": joints,
        "models": {name: f"models/{name}/{model.sha256[:12]}" for name, model in models.items()},
        "report": f"{run}/report.html",
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    published = settings.without_locations() if settings.pseudonymise else settings  # folders may name people
    for target in targets:
        for folder, files in folders.items():
            keys = {f"{folder}/{name}": file for name, file in files.items()}
            publish_all(store, target, keys, f"{folder}/published.json")
        target.write(f"{run}/settings.json", published.model_dump_json(indent=1).encode())
        describe_run(target, run, contents)
        point_to_latest(target, run)
    where = f"{targets[-1].url}/{run}/report.html"
    summary = json.loads(store.get(figures))
    links = [report_link(target, f"{run}/report.html") for target in targets]
    show_results(summary, where, next(filter(None, links), ""), dataset, papers)
    if any(model["jsl"] for model in summary["models"].values()):
        picture = store.get(auc_picture(figures, placement))
        create_image_artifact(
            data_uri(picture, "image/png"), key="auc", description="AUC with 95 % intervals"
        )
    track(run.removeprefix("runs/"), dataset, models, summary, folders[run], settings, store)
    if origin := record_end(store, papers):
        show_lineage(origin)
    return Published(report=where, table=format_overview(summary))


@stage("auc-picture", version=1)
def auc_picture(figures: Artifact, placement: Placement) -> Artifact:
    """The AUC of all models with their intervals, as PNG."""
    from jsl_core.evaluation.report.overview_plots import draw_forest_png

    store = placement.open()
    return store.put(draw_forest_png(json.loads(store.get(figures))), "auc.png")


def publish_targets(store: Store, publish: str) -> list[Store]:
    """The run's own store, and the one that it publishes to besides."""
    other = open_store(publish or store.url)
    return [store] if other.url == store.url else [store, other]
