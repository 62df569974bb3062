"""What trackers get of a run: no participant, and no path of this machine but those that were named."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import pandas as pd

__all__ = ["TrackedModel", "TrackedRun", "Tracker", "figures_of"]


@dataclass(frozen=True)
class TrackedModel:
    """A model of a run.

    Attributes:
        regime: Its name.
        digest: SHA-256 of its tree.
        curves: The rows of `history.csv`, one an epoch; empty for a model without epochs.
        figures: By name, such as `test_auc`, of `figures_of`.
        files: Files of its bundle by their names in it, without predictions, which name participants.
    """

    regime: str
    digest: str
    curves: pd.DataFrame
    figures: Mapping[str, float]
    files: Mapping[str, Path]


@dataclass(frozen=True)
class TrackedRun:
    """A run.

    Attributes:
        name: Of its folder below `runs/`, which no other run has.
        group: Its name in the settings: runs of one name are compared.
        settings: By dotted names, as text.
        facts: What else tells where it came from, such as the dataset's digest.
        models: Its models.
        papers: Files of the report by name.
    """

    name: str
    group: str
    settings: Mapping[str, str]
    facts: Mapping[str, str]
    models: Sequence[TrackedModel]
    papers: Mapping[str, Path]


class Tracker(Protocol):
    """Gets runs."""

    def send(self, run: TrackedRun) -> str:
        """Send a run; sending it again adds nothing. Returns where people find it."""
        ...


def figures_of(summary: Mapping[str, Any], model: str) -> dict[str, float]:
    """The figures of one model by names such as `test_auc`, `test_auc_low`, `test_jsl_n`.

    Args:
        summary: As the evaluate stage writes it, `metrics.json`.
        model: The model's name.
    """
    return dict(_figures((summary.get("models") or {}).get(model) or {}, str(summary.get("part", "test"))))


def _figures(sections: Mapping[str, Any], part: str) -> Iterator[tuple[str, float]]:
    for section, own in sections.items():
        for name, figure in (own or {}).items():
            if name in ("n", "progressed"):
                yield f"{part}_{section}_{name}", float(figure)
            elif isinstance(figure, Mapping) and isinstance(figure.get("value"), int | float):
                yield f"{part}_{name}", float(figure["value"])
                for end in ("low", "high"):
                    if isinstance(figure.get(end), int | float):
                        yield f"{part}_{name}_{end}", float(figure[end])
