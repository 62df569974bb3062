"""What a form sends becomes a run's settings: six fields, the preset, and what *advanced* changes."""

from pathlib import Path

import pytest

from jsl_core.config import PipelineSettings, fill_in, load_lab, load_pipeline, pipeline_preset
from jsl_core.errors import BadSettings

EMPTY = {"name": "", "scans": "", "cohort": "", "store": ""}


@pytest.fixture
def lab(tmp_path: Path) -> PipelineSettings:
    (tmp_path / "lab.toml").write_text(
        'name = "lab"\nscans = "/landing"\njobs = 3\ntraining = {backbone = "resnet18", regimes = ["kl"]}\n'
    )
    return load_lab(tmp_path / "lab.toml").settings


def test_a_form_left_empty_is_the_lab_s_run(lab: PipelineSettings) -> None:
    assert fill_in(lab, "none", fields=EMPTY) == lab
    advanced = PipelineSettings.model_validate(lab.model_dump(mode="json", exclude={"sources", "scans"}))
    assert fill_in(lab, "none", fields=EMPTY, advanced=advanced) == lab


def test_fields_go_before_the_lab_s_file_and_before_advanced(lab: PipelineSettings) -> None:
    fields = {"name": " mine ", "scans": "/films", "cohort": "s3://b/JSL.csv", "store": "~/store"}
    advanced = PipelineSettings(name="other", jobs=7)
    chosen = fill_in(lab, "demo", fields=fields, advanced=advanced)
    assert (chosen.name, chosen.scans, chosen.cohort) == ("mine", "/films", "s3://b/JSL.csv")
    assert chosen.store == str(Path("~/store").expanduser())
    assert chosen.jobs == 7


def test_the_preset_wins_over_the_file_and_advanced_over_the_preset(lab: PipelineSettings) -> None:
    sent = lab.model_dump(mode="json", exclude={"sources"})
    sent["training"]["kl"]["epochs"] = 3
    chosen = fill_in(lab, "seed", fields=EMPTY, advanced=PipelineSettings.model_validate(sent))
    seed = pipeline_preset("seed")
    assert chosen.training.backbone == seed.training.backbone != "resnet18"
    assert chosen.training.kl.epochs == 3
    assert chosen.training.kl.lr == seed.training.kl.lr
    assert (chosen.name, chosen.scans, chosen.jobs) == ("lab", "/landing", 3)


def test_what_advanced_leaves_out_stays_the_lab_s(lab: PipelineSettings) -> None:
    advanced = PipelineSettings.model_validate({"training": {"seed": 5}})
    chosen = fill_in(lab, "none", fields=EMPTY, advanced=advanced)
    assert (chosen.training.seed, chosen.training.backbone) == (5, "resnet18")


@pytest.mark.parametrize(
    ("outcome", "regimes"),
    [
        ("as the preset", {"kl"}),
        ("KL grade", {"kl"}),
        ("progression", {"jsl-image", "jsl-joint-frozen", "jsl-joint"}),
        ("both", {"kl"}),  # what the lab trains of both
    ],
)
def test_the_outcome_picks_the_models_that_learn_it(
    outcome: str, regimes: set[str], lab: PipelineSettings
) -> None:
    chosen = fill_in(lab, "none", fields=EMPTY, outcome=outcome)  # type: ignore[arg-type]
    assert set(chosen.training.regimes) == regimes
    every = fill_in(load_pipeline(), "none", fields=EMPTY, outcome="progression").training
    assert all("jsl" in every.heads_of(regime) for regime in every.regimes)


@pytest.mark.parametrize("name", ["../other", "a/b", "x" * 200, ".hidden"])
def test_a_name_that_no_folder_can_have_is_one_line(name: str, lab: PipelineSettings) -> None:
    with pytest.raises(BadSettings, match=r"name: .*; correct that field of the form"):
        fill_in(lab, "none", fields={**EMPTY, "name": name})
