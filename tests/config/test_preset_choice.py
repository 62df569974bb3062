"""What was asked for last goes before what was there: a preset's choice in a form, a file and options."""

import json
from pathlib import Path

import pytest

from flows.retrain import retrain_settings
from jsl_core.config import (
    PipelineSettings,
    apply_preset,
    describe_overrides,
    list_origins,
    load_lab,
    load_pipeline,
    pipeline_preset,
)
from jsl_core.config.presets import PRESETS, Preset


def sent(settings: PipelineSettings) -> PipelineSettings:
    """As a form sends settings: all of them, as JSON."""
    return PipelineSettings.model_validate_json(settings.model_dump_json())


def same_but_record(one: PipelineSettings, other: PipelineSettings) -> bool:
    return one.model_dump(exclude={"sources"}) == other.model_dump(exclude={"sources"})


@pytest.mark.parametrize("preset", PRESETS)
def test_a_form_left_as_it_is_gives_the_preset_and_its_places(preset: Preset) -> None:
    places = {"scans": "/scans", "store": "/store"}
    chosen = apply_preset(sent(PipelineSettings(**places)), preset)
    assert same_but_record(chosen, load_pipeline(preset=preset, options=places))


def test_what_is_changed_from_its_default_goes_before_the_preset() -> None:
    chosen = apply_preset(PipelineSettings.model_validate({"training": {"kl": {"epochs": 3}}}), "demo")
    demo = load_pipeline(preset="demo")
    assert chosen.training.kl.epochs == 3
    assert chosen.training.kl.lr == demo.training.kl.lr
    assert apply_preset(chosen, "none") == chosen


@pytest.mark.parametrize("file_preset", PRESETS)
@pytest.mark.parametrize("chosen_preset", PRESETS)
def test_a_form_s_preset_takes_the_place_of_the_lab_file_s(
    tmp_path: Path, file_preset: Preset, chosen_preset: Preset
) -> None:
    (tmp_path / "lab.toml").write_text(
        f'preset = "{file_preset}"\nname = "lab"\nscans = "landing"\n'
        "max_rejected = 0.4\npack.size = 96\n[convert]\nmin_side = 300\n[watch]\nretrain-after = 9\n"
    )
    lab = load_lab(tmp_path / "lab.toml", {"store": str(tmp_path / "store")})
    chosen = apply_preset(sent(lab.settings), chosen_preset)
    expected = pipeline_preset(chosen_preset)
    assert lab.watching.retrain_after == 9
    assert chosen.pack.size == (96 if chosen_preset in ("best", "kl") else expected.pack.size)
    assert (chosen.name, chosen.max_rejected, chosen.convert.min_side) == ("lab", 0.4, 300)
    assert chosen.scans == str(tmp_path / "landing")
    assert chosen.training.jsl_image == expected.training.jsl_image
    assert chosen.training.kl.lr == expected.training.kl.lr
    assert chosen.training.backbone == expected.training.backbone
    assert chosen.crop == expected.crop


def test_a_preset_chosen_in_the_form_wins_over_the_lab_s_file_where_it_says_something(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text("pack = {size = 96, val = 0.3}\n")
    chosen = apply_preset(load_lab(tmp_path / "lab.toml").settings, "demo")
    assert (chosen.pack.size, chosen.pack.val) == (pipeline_preset("demo").pack.size, 0.3)
    assert "pack.size 144 by preset demo, not 96 (file)" in describe_overrides(chosen)[0]


def test_what_is_set_in_the_form_goes_before_the_preset_chosen_there(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text('preset = "demo"\n')
    table = json.loads(load_lab(tmp_path / "lab.toml").settings.model_dump_json())
    table["training"]["kl"]["epochs"] = 5
    chosen = apply_preset(PipelineSettings.model_validate(table), "best")
    assert chosen.training.kl.epochs == 5
    assert chosen.training.kl.lr == pipeline_preset("best").training.kl.lr


def test_each_setting_says_whether_preset_file_option_or_form_gave_it(tmp_path: Path) -> None:
    (tmp_path / "run.toml").write_text(
        'preset = "demo"\npack = {size = 80, val = 0.2}\nscans = "private"\ncrop.cfg = "mine/knee.cfg"\n'
    )
    settings = load_pipeline(tmp_path / "run.toml", options={"pack": {"size": 64}})
    table = json.loads(settings.model_dump_json())
    table["evaluate"]["gallery"] = 2
    origins = {each.name: each for each in list_origins(PipelineSettings.model_validate(table))}
    assert (origins["pack.size"].source, origins["pack.size"].instead_of) == ("option", "80 (file)")
    assert origins["pack.val"].source == "file"
    assert origins["evaluate.gallery"].source == "form"
    assert origins["training.kl.epochs"].source == "preset demo"
    assert origins["crop.cfg"].value == "knee.cfg"
    assert "pack.test" not in origins
    assert "scans" not in origins


def test_a_preset_that_takes_another_s_place_is_told_with_what_it_changed(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text('preset = "demo"\ntraining.kl.batch = 24\n')
    chosen = apply_preset(load_lab(tmp_path / "lab.toml").settings, "best")
    replaced, kept = describe_overrides(chosen)
    first = "preset best in place of demo: measure.widths false (true); pack.size 224 (144); "
    assert replaced.startswith(first)
    assert kept == "set otherwise: training.kl.batch 32 by preset best, not 24 (file)"
    by_option = load_pipeline(tmp_path / "lab.toml", preset="best")  # there the file goes before it
    kept = "set otherwise: training.kl.batch 24 by file, not 32 (preset best)"
    assert describe_overrides(by_option)[1] == kept
    assert describe_overrides(load_pipeline(tmp_path / "lab.toml")) == []
    over_file = load_pipeline(tmp_path / "lab.toml", options={"training": {"kl": {"batch": 8}}})
    assert describe_overrides(over_file) == ["set otherwise: training.kl.batch 8 by option, not 24 (file)"]


def test_what_a_retraining_sets_is_not_called_the_form_s(tmp_path: Path) -> None:
    (tmp_path / "lab.toml").write_text("training = {regimes = ['kl'], folds = 3}\n")
    settings = retrain_settings(load_lab(tmp_path / "lab.toml").settings, "multitask")
    origins = {each.name: each for each in list_origins(settings)}
    assert settings.training.regimes == ("kl", "multitask")
    assert origins["training.regimes"].source == "retrain"
