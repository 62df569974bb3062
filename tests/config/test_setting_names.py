"""A setting has one name, as in TOML, JSON, help and messages; `-` and `_` are both understood."""

import re
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError
from rich.console import Console

from flows.cli.main import app, main
from jsl_core.config import OaiSettings, PipelineSettings, load_lab, load_pipeline, load_sweep
from jsl_core.config.sweep import trials_of
from jsl_core.config.tables import setting_names
from jsl_core.errors import BadSettings

WITH_SIGN = [name for name, _ in setting_names(PipelineSettings) if "_" in name and "sources" not in name]


def other(name: str) -> str:
    return name.replace("_", "-")


@pytest.mark.parametrize("spell", [str, other])
def test_both_spellings_are_one_setting_in_a_file(tmp_path: Path, spell: Any) -> None:
    file = tmp_path / "run.toml"
    file.write_text(
        f"{spell('max_rejected')} = 0.3\n[training.{spell('jsl_joint_frozen')}]\n"
        f"{spell('weight_decay')} = 0.5\n"
        f"[{spell('training')}.{spell('jsl_image')}]\nepochs = 4\n"
    )
    settings = load_pipeline(file)
    assert settings.max_rejected == 0.3
    assert settings.training.jsl_joint_frozen.weight_decay == 0.5
    assert settings.training.jsl_image.epochs == 4


def test_both_spellings_of_one_setting_in_one_file_are_refused(tmp_path: Path) -> None:
    file = tmp_path / "run.toml"
    file.write_text("[training.jsl-image]\nepochs = 4\n[training.jsl_image]\nlr = 0.1\n")
    with pytest.raises(BadSettings, match=r"run.toml: training.jsl_image: is there twice, with - and"):
        load_pipeline(file)


def test_a_lab_s_and_a_sweep_s_own_tables_understand_both(tmp_path: Path) -> None:
    file = tmp_path / "lab.toml"
    file.write_text("[watch]\nsettle-seconds = 2\n[retrain]\nregime = 'jsl-image'\n")
    assert load_lab(file).watching.settle_seconds == 2
    file.write_text("[sweep]\nat-once = 2\nvary = {'training.jsl-image.backbone-lr' = [0.1]}\n")
    settings, search = load_sweep(file)
    ((values, chosen),) = trials_of(settings, search)
    assert (search.at_once, values) == (2, {"training.jsl_image.backbone_lr": 0.1})
    assert chosen.training.jsl_image.backbone_lr == 0.1


def test_the_help_has_the_names_of_the_file(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app, "console", Console(width=300))
    with pytest.raises(SystemExit):
        main(["run", "--help-all"])
    options = set(re.findall(r"--([\w.-]+)", capsys.readouterr().out))
    assert {name for name, _ in setting_names(PipelineSettings) if "sources" not in name} <= options
    assert not options & {other(name) for name in WITH_SIGN}
    assert not [name for name in options if "sources" in name]


@pytest.mark.parametrize("written", ["training.jsl-imag.epochs", "training.jsl_image.epoch", "Max_Rejected"])
def test_an_unknown_name_is_told_with_the_nearest_known_one(tmp_path: Path, written: str) -> None:
    file = tmp_path / "run.toml"
    file.write_text(f"{written} = 1\n")
    with pytest.raises(
        BadSettings, match=r"there is no setting \S+, but (\S+); see jsl run --help"
    ) as caught:
        load_pipeline(file)
    near = str(caught.value).partition(", but ")[2].partition(";")[0]
    assert near in dict(setting_names(PipelineSettings))


@pytest.mark.parametrize("spell", [str, other])
def test_both_spellings_are_one_option_and_the_message_has_the_file_s(
    spell: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["run", f"--{spell('training.jsl_image.freeze_epochs')}", "-3"])
    assert "training.jsl_image.freeze_epochs: Input should be greater" in capsys.readouterr().err


def test_a_setting_that_is_one_of_some_numbers_is_understood_as_a_word_of_the_command_line() -> None:
    assert OaiSettings.model_validate({"followup_months": "24"}).followup_months == 24
    with pytest.raises(ValidationError, match="12, 24, 36, 48, 72 or 96"):
        OaiSettings.model_validate({"followup_months": "25"})
