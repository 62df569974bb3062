"""The page of an external validation, and its figures as JSON."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChoiceLoader, PackageLoader

from jsl_core.evaluation.report.page import page_environment
from jsl_core.evaluation.validation import plots, sentences, tables
from jsl_core.system.files import write_atomically

__all__ = ["write_validation"]

Figures = Mapping[str, Any]


def write_validation(figures: Figures, folder: Path) -> list[Path]:
    """Write `validation.json` and `validation.html`, which loads nothing from anywhere, into a folder.

    Args:
        figures: Of `validate_ensemble`, with `cohort`, `part`, `known`, `outcome` and
            `predicted_outcome` in words, `phantom`, `program`, `date`, `identities` (by model: name,
            version and digest), `software` and `machine`.
        folder: Made where it is missing.

    Returns:
        The files.

    Raises:
        StoreError: If a file cannot be written.
    """
    environment = page_environment()
    environment.loader = ChoiceLoader(
        [
            PackageLoader("jsl_core.evaluation.validation", ""),
            *([environment.loader] if environment.loader else []),
        ]
    )
    page = environment.get_template("validation.html").render(
        figures=figures,
        overview=tables.tabulate_overview(figures),
        flow=tables.tabulate_flow(figures),
        characteristics=figures["characteristics"],
        summary=[
            sentences.describe_target(model, title, part)
            for model, title, part in tables.each_target(figures)
            if "reason" not in part
        ],
        doubts=list(sentences.describe_doubts(figures)),
        parts=[
            _render_part(model, title, part)
            for model, title, part in tables.each_target(figures)
            if "reason" not in part
        ],
        grades={
            name: (model["grades"], tables.tabulate_grades(model["grades"]))
            for name, model in figures["models"].items()
            if model["grades"]
        },
    )
    files = {
        "validation.json": json.dumps(figures, indent=1, allow_nan=False) + "\n",
        "validation.html": page,
    }
    for name, text in files.items():
        with write_atomically(folder / name) as file:
            file.write(text.encode())
    return [folder / name for name in files]


def _render_part(model: str, title: str, part: Figures) -> dict[str, Any]:
    """What the page shows of one model and one outcome."""
    mix = part["case_mix"]
    charts = {
        name: plots.draw_calibration(version, name)
        for name, version in part["versions"].items()
        if "reason" not in version
    }
    subgroups = part["as_it_is"]["subgroups"]
    return {
        "model": model,
        "title": title,
        "prevalence": part["prevalence"],
        "auc": tables.tabulate_auc(part),
        "roc": plots.draw_discrimination(part["as_it_is"]),
        "versions": tables.tabulate_versions(part),
        "calibration": charts,
        "benefit": plots.draw_net_benefit(part),
        "case_mix": tables.tabulate_case_mix(part) if "characteristics" in mix else None,
        "case_mix_sentence": sentences.describe_case_mix(part),
        "subgroups": tables.tabulate_subgroups(part),
        "rates": plots.draw_subgroup_rates(subgroups) if subgroups else None,
        "line": part["line"],
    }
