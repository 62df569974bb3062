"""What was odd about a release: told by number and kind, and listed."""

from dataclasses import dataclass

__all__ = ["Finding"]


@dataclass(frozen=True, order=True)
class Finding:
    """One oddity: a short kind, the table, file or participant it is about, and a sentence."""

    kind: str
    where: str
    sentence: str
