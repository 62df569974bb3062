"""How a run's knees were parted and asked, as facts that the report's sentences are made of."""

from dataclasses import asdict, dataclass
from typing import Any, Literal

import pandas as pd

from jsl_core.cohort.columns import VISIT
from jsl_core.cohort.persons import person_key

__all__ = ["StudyDesign"]


@dataclass(frozen=True)
class StudyDesign:
    """What the models of a run were measured on.

    Attributes:
        part: The knees measured: `test`, or `val` where there is no test part.
        knees: How many there are.
        participants: Of whom.
        learned_from: Participants of these whose other knee a model learned from.
        chosen_on: Participants of these whose other knee chose epochs, temperatures and thresholds.
        folds: Models of a cross-validation; 0 where there is one split.
        named_test: The cohort's table names the test part.
        distinct: Knees of which there are several rows, one a visit; 0 where each has one row.
    """

    part: Literal["test", "val"]
    knees: int
    participants: int
    learned_from: int
    chosen_on: int
    folds: int = 0
    named_test: bool = False
    distinct: int = 0

    @classmethod
    def of(cls, table: pd.DataFrame, folds: int = 0, named_test: bool = False) -> "StudyDesign":
        """The design that a packed dataset's table shows.

        Args:
            table: With ID, participant and split, one row a knee, or a knee and visit.
            folds: Models of a cross-validation, whose folds are by participant; 0 for the one split.
            named_test: The cohort's table names the test part, which a cross-validation leaves alone.
        """
        persons, split = table["participant"].map(person_key), table["split"]
        if folds and not named_test:
            return cls("test", len(table), persons.nunique(), 0, 0, folds, distinct=_distinct(table))
        part: Literal["test", "val"] = "test" if (split == "test").any() else "val"
        own = persons[split == part]
        others = [set(persons[split == name]) if name != part else set() for name in ("train", "val")]
        if folds:  # of each round all others are learned from or chosen on
            others = [set(persons[split != part])] * 2
        learned_from, chosen_on = (int(own[own.isin(names)].nunique()) for names in others)
        distinct = _distinct(table[split == part])
        return cls(part, len(own), own.nunique(), learned_from, chosen_on, folds, named_test, distinct)

    @classmethod
    def from_json(cls, record: dict[str, Any]) -> "StudyDesign":
        """The design that `to_json` wrote."""
        return cls(**record)

    def to_json(self) -> dict[str, Any]:
        """The facts as JSON."""
        return asdict(self)


def _distinct(rows: pd.DataFrame) -> int:
    return int(rows["ID"].nunique()) if VISIT in rows else 0
