"""A form's dropdown of presets."""

import pytest

from jsl_core.config import PipelineSettings, apply_preset, load_pipeline
from jsl_core.config.presets import PRESETS, Preset


@pytest.mark.parametrize("preset", PRESETS)
def test_a_form_left_as_it_is_gives_the_preset_and_its_places(preset: Preset) -> None:
    places = {"scans": "/scans", "store": "/store"}
    sent = PipelineSettings.model_validate(PipelineSettings(**places).model_dump())
    assert apply_preset(sent, preset) == load_pipeline(preset=preset, options=places)


def test_what_is_changed_from_its_default_goes_before_the_preset() -> None:
    chosen = apply_preset(PipelineSettings.model_validate({"training": {"kl": {"epochs": 3}}}), "demo")
    demo = load_pipeline(preset="demo")
    assert chosen.training.kl.epochs == 3
    assert chosen.training.kl.lr == demo.training.kl.lr
    assert apply_preset(chosen, "none") == chosen
