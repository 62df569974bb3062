"""The leaderboard's cards of models that are measured on a cohort."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pandas as pd

from jsl_core.errors import BadSettings
from jsl_core.evaluation.leaderboard.card import (
    ModelOnCard,
    PartOnCard,
    describe_test,
    is_card_text,
    make_card,
    refuse_known_people,
)
from jsl_core.imaging.names import encode_name
from jsl_core.learning.model.ensemble import Ensemble, Member
from jsl_core.scoring.evaluate import count_training_persons
from jsl_core.scoring.model_identity import identify_each, identify_models

__all__ = ["CardMaker"]


@dataclass(frozen=True)
class CardMaker:
    """Makes the cards of models, by the names that their figures have.

    Attributes:
        models: By name; the last is that of all averaged, if there are several.
        test: Whom they are measured on.
        name: What a single card's model is called instead.
    """

    models: Mapping[str, ModelOnCard]
    test: PartOnCard
    name: str = ""

    @classmethod
    def of(
        cls,
        ensemble: Ensemble,
        folders: Sequence[Path],
        whole: pd.DataFrame,
        rows: pd.DataFrame,
        part: str,
        cohort: str,
        phantom: bool,
        name: str = "",
    ) -> "CardMaker":
        """Prepare the cards, and refuse what has none before anything is scored.

        Args:
            ensemble: The models.
            folders: What it was loaded from.
            whole: All rows of the cohort table.
            rows: Those that are measured.
            part: How they were chosen.
            cohort: What the cohort is called.
            phantom: Whether these are phantoms.
            name: What a single card's model is called instead of its kind.

        Raises:
            BadTable: If the participants are too few, or a model was trained or chosen on some.
            BadSettings: If a name cannot stand in a table.
        """
        for option, word in (("--submit-cohort", cohort), ("--submit-name", name or "-")):
            if not is_card_text(word):
                raise BadSettings(
                    f"{option}: {word!r} cannot stand in a table; give up to 80 letters of one line, without "
                    "|, < and >"
                )
        test = describe_test(rows, whole, part, cohort, phantom)
        refuse_known_people(count_training_persons(ensemble.members, rows), test)
        models = {}
        for member, identity in zip(ensemble.members, identify_each(folders), strict=True):
            models[member.name] = ModelOnCard(
                name=identity.name,
                version=identity.version,
                digest=identity.digest,
                learned_from=_learned_from(member),
                training_known=len(member.predictions) > 0,
                outcome=identity.outcome,
            )
        if len(models) > 1:
            identity = identify_models(folders)
            models[f"ensemble of {len(models)}"] = ModelOnCard(
                name=identity.name,
                version=identity.version,
                digest=identity.digest,
                learned_from="",
                training_known=all(one.training_known for one in models.values()),
                outcome=identity.outcome,
            )
        return cls(models, test, name)

    def write(self, figures: Mapping[str, Any], path: Path) -> list[Path]:
        """Write the card of the last model into a file, or those of all models into a folder.

        Args:
            figures: Of `evaluate_ensemble`.
            path: A file ending in `.json`, or a folder.

        Returns:
            The files.

        Raises:
            BadTable: If a model has no figures.
            BadSettings: If one name is given for several cards.
        """
        models = figures["models"]
        names = [list(models)[-1]] if path.suffix == ".json" else list(models)
        if self.name and len(names) > 1:
            raise BadSettings("--submit-name: there are several cards; give --submit a file, card.json")
        today = datetime.now(UTC).date()
        written = []
        for one in names:
            model = self.models[one]
            model = model.model_copy(update={"name": self.name or model.name})
            file = path if path.suffix == ".json" else path / f"{encode_name(one)}-{model.digest[:12]}.json"
            make_card(models[one], model, self.test, figures["knees"], today).write(file)
            written.append(file)
        return written


def _learned_from(member: Member) -> str:
    """The digest of the packed dataset that a model learned from, as far as it says."""
    record = getattr(member.bundle, "record", None)
    digest = record.made.get("dataset", "") if record is not None else getattr(member.bundle, "dataset", "")
    return digest if isinstance(digest, str) and len(digest) == 64 else ""
