"""What a run shows on its page on a server: what came of it first, then how, as pictures and tables."""

import json
from collections import Counter
from collections.abc import Mapping
from typing import Any

import cv2
import numpy as np
from prefect.artifacts import create_image_artifact, create_markdown_artifact, create_table_artifact

from jsl_core.evaluation.report.data_uri import data_uri
from jsl_core.evaluation.report.overview import format_overview, overview_rows
from jsl_core.evaluation.run_list import tell_figures
from jsl_core.imaging import decode_png, encode_png
from jsl_core.scans.rows import read_rows
from jsl_core.storage import Artifact
from jsl_core.storage.lineage import Node
from jsl_core.storage.lineage_picture import draw_lineage
from jsl_core.storage.registry import Decision
from tasks.caching import Placement
from tasks.gather import Gathered

__all__ = ["show_decision", "show_lineage", "show_preparation", "show_results"]

_MOST_REJECTED = 100  # rows of the table: it lies in Prefect's database, and rejected.csv has all
_SIDE, _ACROSS, _DOWN = 96, 8, 2  # pixels and joints: the picture lies in Prefect's database


def show_preparation(stages: dict[str, list[Artifact]], gathered: Gathered, placement: Placement) -> None:
    """Show how many rows each stage gave, why others fell out and which, and a few joints.

    `stages` has the tables of each stage by its name.
    """
    store = placement.open()
    counts, reasons, fallen = [], Counter[tuple[str, str]](), []
    for stage, tables in stages.items():
        rows = read_rows(store, tables)
        rejected = [row["reason"] for row in rows if row.get("reason")]
        reasons.update((stage, reason) for reason in rejected)
        fallen += [_fallen(stage, row) for row in rows if row.get("reason")]
        counts.append({"stage": stage, "accepted": len(rows) - len(rejected), "rejected": len(rejected)})
    create_table_artifact(counts, key="stages", description="What each stage accepted")
    why = [{"stage": stage, "reason": reason, "rows": n} for (stage, reason), n in reasons.most_common()]
    if why:
        create_table_artifact(why, key="reasons", description="Why scans and knees fell out")
        more = len(fallen) - _MOST_REJECTED
        text = "Each of them, with its reason" + (f"; {more} more are in rejected.csv" if more > 0 else "")
        create_table_artifact(fallen[:_MOST_REJECTED], key="rejected", description=text)
    joints = sorted(read_rows(store, [gathered.joints]), key=lambda row: str(row["png"]["sha256"]))
    small = [
        cv2.resize(decode_png(store.get(Artifact.model_validate(row["png"]))), (_SIDE, _SIDE))
        for row in joints[: _ACROSS * _DOWN]
    ]
    if small:
        create_image_artifact(_sheet(small), key="joints", description="Some of the joints")


def _sheet(small: list[np.ndarray]) -> str:
    """The joints in rows, as a data URI."""
    across = min(_ACROSS, len(small))
    small = [*small, *[np.zeros_like(small[0])] * (-len(small) % across)]
    lines = [np.hstack(small[start : start + across]) for start in range(0, len(small), across)]
    return data_uri(encode_png(np.vstack(lines)), "image/png")


def _fallen(stage: str, row: Mapping[str, Any]) -> dict[str, str]:
    """A scan or knee that fell out, for people; with pseudonyms a row has no other names."""
    knee = row.get("ID") or ""
    what = {"file": str(row.get("file", "")), "knee": str(knee)}
    return what | {"stage": stage, "reason": str(row["reason"]), "why": str(row.get("sentence", ""))}


def show_results(
    summary: Mapping[str, Any], report: str, link: str, dataset: Artifact, papers: Artifact
) -> None:
    """Show the figures of all models, and the way to the report.

    Args:
        summary: As the evaluate stage writes it.
        report: Where the report lies.
        link: Its address in a browser; blank where there is none.
        dataset: What it was made of.
        papers: The tree of the report.
    """
    lines = [
        f"## [Open the report]({link})" if link else f"Report: `{report}`",
        tell_figures(summary),
        format_overview(summary, "markdown").replace("\n* ", "\n\\* "),  # else a list to markdown
        f"At `{report}`; dataset `{dataset.sha256[:12]}`. What it was made from: "
        f"`jsl lineage {papers.sha256[:12]}`, or the artifact *lineage*.",
    ]
    create_markdown_artifact("\n\n".join(filter(None, lines)), key="summary", description="What came of it")
    create_table_artifact(overview_rows(summary), key="regimes", description="All models on the test knees")


def show_decision(regime: str, decision: Decision, figures: Artifact, placement: Placement) -> None:
    """Show who is champion of a line now, and by which figures.

    Args:
        regime: The line of models.
        decision: What was decided about the new model.
        figures: The evaluation of the run's models.
        placement: Names the store.
    """
    summary = json.loads(placement.open().get(figures))
    own = {"models": {regime: (summary.get("models") or {}).get(regime)}}
    create_markdown_artifact(
        _decision_markdown(regime, decision, tell_figures(own)),
        key="decision",
        description="Champion and challenger",
    )


def _decision_markdown(regime: str, decision: Decision, measured: str) -> str:
    figures = decision.figures
    outcome = {"promote": "is champion now", "keep": "is not promoted", "rollback": "is champion again"}
    lines = [f"## {regime}: {decision.version} {outcome[decision.action]}", "", f"Why: {figures['why']}."]
    if measured:
        lines += ["", f"On this run's test knees: {measured}."]
    if "figure" in figures:
        interval, level = f"[{figures['low']:+.3f}, {figures['high']:+.3f}]", figures.get("level", 0.95)
        lines += [
            "",
            f"| {figures['figure']}, {figures['knees']} frozen test knees | |",
            "|---|---|",
            f"| challenger {decision.version} | {figures['challenger']:.3f} |",
            f"| champion {decision.over} | {figures['champion']:.3f} |",
            f"| difference [{level:.1%} interval] | {figures['difference']:+.3f} {interval} |",
            f"| margin | {figures['margin']:.3f} |",
        ]
        if "decisions" in figures:  # earlier versions kept neither
            lines += [
                f"| decisions on these knees | {figures['decisions']} |",
                f"| champion flattered by (expected) | {figures['optimism']:.3f} |",
            ]
    return "\n".join(lines)


def show_lineage(root: Node) -> None:
    """Show how something came about, from the scans, as a picture: not every page draws mermaid."""
    picture = data_uri(draw_lineage(root).encode(), "image/svg+xml")
    create_markdown_artifact(
        f"![From the scans to the report]({picture})",
        key="lineage",
        description="From the scans to the report",
    )
