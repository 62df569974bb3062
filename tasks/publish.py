"""Stage 9: what people look for, under readable keys of the store, and as Prefect artifacts."""

import json
from collections.abc import Mapping
from datetime import date

from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact
from pydantic import BaseModel, ConfigDict

from jsl_core import __version__
from jsl_core.config import PipelineSettings
from jsl_core.evaluation.report.data_uri import data_uri
from jsl_core.evaluation.report.overview import format_overview, overview_rows
from jsl_core.scans.rows import read_rows
from jsl_core.storage import Artifact, Store, open_store, publish_all, tree_files
from tasks.caching import Placement, stage
from tasks.gather import Gathered
from tasks.onnx import as_onnx
from tasks.run_history import record_end

__all__ = ["Published", "publish"]


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
    page: Artifact,
    settings: PipelineSettings,
    placement: Placement,
) -> Published:
    """Copy a run's results to `runs/`, `models/` and `datasets/`, and show them on the run's page."""
    store = placement.open()
    run = f"runs/{date.today():%Y-%m-%d}-{settings.name}"
    files = {
        f"{run}/metrics.json": figures,
        f"{run}/report.html": page,
        **_keyed_files(store, dataset, f"datasets/{dataset.sha256[:12]}", only={"table.csv", "rejected.csv"}),
    }
    if gathered:
        files[f"{run}/rejected.csv"] = gathered.rejected
        for row in read_rows(store, [gathered.joints]):
            files[f"{run}/joints/{row['ID']}.png"] = Artifact.model_validate(row["png"])
    for name, model in models.items():
        where = f"models/{name}/{model.sha256[:12]}"
        files |= _keyed_files(store, model, where)
        files |= {f"{where}/{name}": file for name, file in as_onnx(model, placement).items()}
    for target in map(open_store, dict.fromkeys((store.url, settings.publish or store.url))):
        target.write(f"{run}/settings.json", settings.model_dump_json(indent=1).encode())
        publish_all(store, target, files, f"{run}/published.json")
    where = f"{target.url}/{run}/report.html"
    summary = json.loads(store.get(figures))
    origin = (
        f"Made of dataset {dataset.sha256[:12]} by JSL {__version__}; more: jsl lineage {page.sha256[:12]}"
    )
    markdown = f"{format_overview(summary, 'markdown')}\n\nReport: {where}\n\n{origin}"
    create_markdown_artifact(markdown, key="summary")
    create_table_artifact(overview_rows(summary), key="regimes", description="All models on the test knees")
    if any(model["jsl"] for model in summary["models"].values()):
        picture = store.get(auc_picture(figures, placement))
        create_image_artifact(
            data_uri(picture, "image/png"), key="auc", description="AUC with 95 % intervals"
        )
    record_end(store, page)
    return Published(report=where, table=format_overview(summary))


@stage("auc-picture", version=1)
def auc_picture(figures: Artifact, placement: Placement) -> Artifact:
    """The AUC of all models with their intervals, as PNG."""
    from jsl_core.evaluation.report.overview_plots import draw_forest_png

    store = placement.open()
    return store.put(draw_forest_png(json.loads(store.get(figures))), "auc.png")


def _keyed_files(store: Store, tree: Artifact, key: str, only: set[str] | None = None) -> dict[str, Artifact]:
    return {
        f"{key}/{path}": file
        for path, file in tree_files(store, tree).items()
        if only is None or path in only
    }
