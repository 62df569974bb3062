"""The form of a run: six fields that everyone fills in, and all other settings behind *advanced*."""

from typing import Any, Literal

from pydantic import ValidationError

from jsl_core.config.messages import describe_validation_error
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.preset_choice import PresetChoice, apply_preset
from jsl_core.config.tables import flatten_table, merge_tables, nest_value
from jsl_core.config.training import Regime
from jsl_core.errors import BadSettings

__all__ = ["OutcomeChoice", "fill_in"]

OutcomeChoice = Literal["as the preset", "progression", "KL grade", "both"]

_PROGRESSION: tuple[Regime, ...] = ("jsl-image", "jsl-joint-frozen", "jsl-joint")
_REGIMES: dict[OutcomeChoice, tuple[Regime, ...]] = {
    "progression": _PROGRESSION,
    "KL grade": ("kl",),
    "both": ("kl", *_PROGRESSION, "multitask"),
}


def fill_in(
    settings: PipelineSettings,
    preset: PresetChoice,
    *,
    fields: dict[str, str],
    outcome: OutcomeChoice = "as the preset",
    advanced: PipelineSettings | None = None,
) -> PipelineSettings:
    """The settings of a run that a form has asked for.

    Args:
        settings: What the form starts from: the lab's file, or the defaults.
        preset: A recipe in their place; what was changed in *advanced* goes before it.
        fields: The other fields by the name of their setting; an empty one changes nothing.
        outcome: Of the regimes that preset or file name those that learn it, else all that do.
        advanced: As it was sent; what the sender left out changes nothing.

    Raises:
        BadSettings: If a field's value is none, such as a name that no folder can have.
    """
    table = settings.model_dump()
    if advanced is not None:
        sent = flatten_table(advanced.model_dump(exclude_unset=True, exclude={"sources"}))
        for name, value in sent.items():
            table = merge_tables(table, nest_value(name, value))
    table = apply_preset(PipelineSettings.model_validate(table), preset).model_dump()
    filled: dict[str, Any] = {name: value.strip() for name, value in fields.items() if value.strip()}
    try:
        chosen = PipelineSettings.model_validate(table | filled)
    except ValidationError as error:
        raise BadSettings(f"{describe_validation_error(error)}; correct that field of the form") from None
    if outcome == "as the preset":
        return chosen
    own = tuple(name for name in chosen.training.regimes if name in _REGIMES[outcome])
    training = chosen.training.model_copy(update={"regimes": own or _REGIMES[outcome]})
    return chosen.model_copy(update={"training": training})
