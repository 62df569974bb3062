"""A card: which model, measured on whom, with which figures; no participant can be read from it."""

import hashlib
import hmac
import json
import math
import re
from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import pandas as pd
from pydantic import BaseModel, ConfigDict, Field, FiniteFloat, ValidationError, model_validator

from jsl_core import __version__
from jsl_core.cohort.columns import GRADE, PROGRESSION, VISIT
from jsl_core.cohort.fixed_split import FixedSplit
from jsl_core.cohort.outcomes import USUAL_OUTCOME, describe_outcome_of
from jsl_core.cohort.persons import person_key
from jsl_core.errors import BadTable
from jsl_core.storage.proof import proves_itself, with_proof
from jsl_core.system.files import write_atomically

__all__ = [
    "FIGURES",
    "Card",
    "FigureOnCard",
    "ModelOnCard",
    "PartOnCard",
    "describe_test",
    "is_card_text",
    "make_card",
    "read_card",
    "refuse_known_people",
]

_KEY = b"jsl leaderboard, card 1"  # public: two labs come to the same digests; a set's digest names nobody
_FEWEST = 20  # participants: the digest of fewer could be found by trying out sets of known numbers

# Of each outcome the figures of a card, by the name that evaluations have for them.
FIGURES = {
    "kl": ("accuracy", "balanced_accuracy", "kappa", "mae", "osteoarthritis"),
    "jsl": ("auc", "ap", "brier", "intercept", "slope"),
}

_Digest = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
# No figure lies outside these, and none that is not named outside 0 and 1.
_BOUNDS = {
    "kappa": (-1, 1),
    "mae": (0, 4),
    "intercept": (-math.inf, math.inf),
    "slope": (-math.inf, math.inf),
}
_WORDS = r"[^|\r\n<>\[\]`]{1,80}"
_Outcome = Annotated[str, Field(max_length=160, pattern=r"^[^\r\n]*$")]  # of any table, such as KL >= 2
_Text = Annotated[str, Field(pattern=rf"^{_WORDS}$")]


class _Record(BaseModel):
    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")


class FigureOnCard(_Record):
    """A figure with its 95 % interval by participant; None where one is not defined."""

    value: FiniteFloat
    low: FiniteFloat | None
    high: FiniteFloat | None

    @model_validator(mode="after")
    def _inside(self) -> Self:
        if self.low is not None and self.high is not None and not self.low <= self.value <= self.high:
            raise ValueError(f"{self.value} is not within [{self.low}, {self.high}]")
        return self


class OutcomeOnCard(_Record):
    """The figures of one outcome: on how many knees, with how many events, and each figure."""

    n: Annotated[int, Field(ge=1)]
    events: Annotated[int, Field(ge=0)] | None
    figures: dict[str, FigureOnCard]


class ModelOnCard(_Record):
    """A model: what it is, of which version of the program, the digest of its record, and what it learned.

    `outcome` is what its risk is of, in words; "" is the loss of 0.7 mm over 48 months.
    """

    name: _Text
    version: _Text
    digest: _Digest
    learned_from: str = Field(pattern=r"^([0-9a-f]{64})?$")
    training_known: bool
    outcome: _Outcome = ""


class PartOnCard(_Record):
    """A test: of which cohort and split, how many, and digests that two labs share who test on the same.

    `outcome` is what progression is there, in words; "" is the loss of 0.7 mm over 48 months. `people` is the
    SHA-256 of the sorted HMACs of the persons, `labels` that of the HMACs of knee, grade and outcome; the key
    is public.
    """

    cohort: _Text
    split: _Text
    phantom: bool
    outcome: _Outcome = ""
    participants: Annotated[int, Field(ge=_FEWEST)]
    knees: Annotated[int, Field(ge=1)]
    people: _Digest
    labels: _Digest


class Card(_Record):
    """A card as its file holds it, without the proof."""

    format: Literal[1]
    program: _Text
    made: date
    model: ModelOnCard
    test: PartOnCard
    scored: Annotated[int, Field(ge=1)]
    outcomes: dict[Literal["kl", "jsl"], OutcomeOnCard] = Field(min_length=1)

    @model_validator(mode="after")
    def _fits(self) -> Self:
        if self.scored > self.test.knees:
            raise ValueError("more knees are scored than the test has")
        for name, outcome in self.outcomes.items():
            if outcome.n > self.scored or (outcome.events or 0) > outcome.n:
                raise ValueError(f"{name} has more knees than were scored, or more events than knees")
            if unknown := set(outcome.figures) - set(FIGURES[name]):
                raise ValueError(f"{name} has no figure {min(unknown)}")
            for key, figure in outcome.figures.items():
                lowest, highest = _BOUNDS.get(key, (0, 1))
                if not lowest <= figure.value <= highest:
                    raise ValueError(
                        f"{name} has {key} {figure.value:g}, which is not within [{lowest}, {highest}]"
                    )
        return self

    def write(self, path: Path) -> None:
        """Write the card, with its proof.

        Raises:
            StoreError: If it cannot be written.
        """
        record = with_proof(self.model_dump(mode="json"))
        with write_atomically(path) as file:
            file.write((json.dumps(record, indent=1, allow_nan=False) + "\n").encode())


def is_card_text(text: str) -> bool:
    """Whether a name can stand on a card and in a table."""
    return re.fullmatch(_WORDS, text) is not None


def describe_test(
    rows: pd.DataFrame, whole: pd.DataFrame, part: str, cohort: str, phantom: bool
) -> PartOnCard:
    """Describe whom a model is tested on.

    Args:
        rows: Of the cohort table, those tested on.
        whole: All rows of the cohort table.
        part: How they were chosen: `jsl-1` or a variant, or the table's own name for a part.
        cohort: What the cohort is called on the leaderboard.
        phantom: Whether these are phantoms.

    Raises:
        BadTable: If they are too few for their digest to hide them, or the part has no name for a table.
    """
    people = sorted(_keyed(name) for name in {person_key(name) for name in rows["participant"]})
    if len(people) < _FEWEST:
        raise BadTable(
            f"a card takes {_FEWEST} participants, and there are {len(people)}: a digest of so few could be "
            "guessed; test on more"
        )
    fixed = FixedSplit.parse(part)
    if fixed is None:  # the table's own part may be the fixed one
        tested = whole[FixedSplit("jsl-1").parts(whole)[0]]
        same = set(tested["participant"].map(person_key)) == set(rows["participant"].map(person_key))
        part = "jsl-1" if same else f"the table's own, {part}"
    if not is_card_text(part):
        raise BadTable(f"the split's name {part!r} cannot stand in a table; give it another, such as test")
    visits = rows[VISIT].astype(str) if VISIT in rows else pd.Series("", rows.index)
    knees = zip(rows["participant"], rows["side"], visits, rows[GRADE], rows[PROGRESSION], strict=True)
    labels = sorted(
        _keyed(f"{person_key(name)} {side} {visit} {grade:g} {outcome:g}")
        for name, side, visit, grade, outcome in knees
    )
    outcome = describe_outcome_of(rows)
    return PartOnCard(
        cohort=cohort,
        split=part,
        phantom=phantom,
        outcome="" if outcome == USUAL_OUTCOME else outcome,
        participants=len(people),
        knees=len(rows),
        people=_digest(people),
        labels=_digest(labels),
    )


def make_card(
    figures: Mapping[str, Any], model: ModelOnCard, test: PartOnCard, scored: int, made: date
) -> Card:
    """Make the card of a model from its figures on the test.

    Args:
        figures: Of one model, of `evaluate_ensemble`: `kl`, `jsl`, and whom of these it was trained on.
        model: The model.
        test: The test.
        scored: Knees that the model was asked about, with a label or not.
        made: The day.

    Raises:
        BadTable: If the model knows these people, or has no figures.
    """
    refuse_known_people(figures, test)
    outcomes: dict[Literal["kl", "jsl"], OutcomeOnCard] = {}
    for name in ("kl", "jsl"):
        section = figures[name] or {}
        measured = {
            key: section[key] for key in FIGURES[name] if (section.get(key) or {}).get("value") is not None
        }
        if measured:
            parts = {key: FigureOnCard.model_validate(_ordered(value)) for key, value in measured.items()}
            outcomes[name] = OutcomeOnCard(n=section["n"], events=section.get("progressed"), figures=parts)
    if not outcomes:
        raise BadTable(f"{model.name}: no figure of it can be told on these knees; test on labelled ones")
    return Card(
        format=1,
        program=__version__,
        made=made,
        model=model,
        test=test,
        scored=scored,
        outcomes=outcomes,
    )


def refuse_known_people(counts: Mapping[str, Any], test: PartOnCard) -> None:
    """Refuse a card of models that know some of the people they are measured on.

    Args:
        counts: `participants_trained_on` and `participants_chosen_on`.
        test: The test.

    Raises:
        BadTable: If there are any.
    """
    known = counts["participants_trained_on"] + counts["participants_chosen_on"]
    if known:
        raise BadTable(
            f"the models were trained or chosen on {known} of the {test.participants} participants, so that "
            "there is no card; test on others, such as --split jsl-1 of a model trained with pack.split jsl-1"
        )


def read_card(path: Path) -> Card:
    """Read a card and check it: its fields, that they fit one another, and that it is as it was written.

    Raises:
        BadTable: If it is no card, senseless or changed.
    """
    try:
        text = path.read_bytes()
        fields = json.loads(text)
        if not isinstance(fields, dict) or not proves_itself(fields):
            raise BadTable(f"{path.name}: not as jsl evaluate wrote it; submit that file unchanged")
        return Card.model_validate_json(json.dumps({key: fields[key] for key in fields if key != "proof"}))
    except OSError as error:
        raise BadTable(f"{path}: cannot be read ({error.strerror}); give a card's path") from None
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        where, what = ".".join(map(str, first["loc"])), first["msg"].removeprefix("Value error, ")
        raise BadTable(f"{path.name}: {where}: {what}; submit what jsl evaluate wrote") from None
    except (ValueError, RecursionError):
        raise BadTable(f"{path.name}: not a card; submit what jsl evaluate --submit wrote") from None


def _ordered(figure: Mapping[str, float | None]) -> dict[str, float | None]:
    """A figure without an interval that does not hold it, as BCa's of a handful may."""
    value, low, high = (figure[key] for key in ("value", "low", "high"))
    if value is None or low is None or high is None or not low <= value <= high:
        low = high = None
    return {"value": value, "low": low, "high": high}


def _keyed(text: str) -> str:
    return hmac.new(_KEY, text.encode(), hashlib.sha256).hexdigest()


def _digest(keyed: list[str]) -> str:
    return hashlib.sha256("\n".join(keyed).encode()).hexdigest()
