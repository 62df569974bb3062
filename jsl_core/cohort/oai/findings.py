"""Findings: what is odd about a release; listed in `_problems.csv`, counted by kind in the summary."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, order=True)
class Finding:
    """One oddity: a short kind, the table, file or participant it is about, and a sentence."""

    kind: str
    where: str
    sentence: str
