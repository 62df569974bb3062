"""Whatever stands in a settings file of a run, a lab or a sweep: it is understood, or refused in one line."""

import random
from pathlib import Path

import pytest
from mutants import mutate_bytes, mutate_text

from flows.cli.error_lines import error_line
from jsl_core.config import PipelineSettings, pipeline_preset
from jsl_core.config.any_file import load_any_file
from jsl_core.config.tables import flatten_table
from jsl_core.config.toml import to_toml
from jsl_core.errors import BadSettings

_MUTANTS = 250
_RUN = """preset = "demo"
name = "study"
scans = "films"
cohort = "knees.csv"
store = "store"
max_rejected = 0.2
patience = 60
pack = { size = 64, val = 0.2, test = 0.2 }

[crop]
box = "mm"
box_mm = 140.0

[training]
regimes = ["kl", "multitask"]

[training.kl]
epochs = 3
lr = 1e-3
"""
_FILES = {
    "run": _RUN,
    "lab": f"{_RUN}[watch]\nsettle_seconds = 2\nretrain_after = 20\n[retrain]\nregime = 'kl'\nmargin = 0.1\n",
    "sweep": f"{_RUN}\n[sweep]\nat_once = 2\nvary = {{'training.kl.lr' = [0.1, 0.01]}}\n",
    "all": to_toml(
        {
            name: value
            for name, value in pipeline_preset("best").model_dump(mode="json", exclude_none=True).items()
            if name != "sources"
        }
    ),
}


@pytest.mark.parametrize("kind", _FILES)
def test_a_mutated_settings_file_is_understood_or_one_line(tmp_path: Path, kind: str) -> None:
    rng, file = random.Random(kind), tmp_path / "run.toml"
    file.write_text(_FILES[kind])
    whole, others, refusals = load_any_file(file), 0, list[BadSettings]()
    for number in range(_MUTANTS):
        if number % 5:
            file.write_text(mutate_text(_FILES[kind], rng), encoding="utf-8", errors="replace")
        else:
            file.write_bytes(mutate_bytes(_FILES[kind].encode(), rng))
        try:
            settings = load_any_file(file)
        except BadSettings as error:
            refusals.append(error)
        else:
            assert PipelineSettings.model_validate(settings.model_dump(mode="json")) == settings
            others += flatten_table(settings.model_dump()) != flatten_table(whole.model_dump())
    for refusal in refusals:
        assert "\n" not in str(refusal)
        assert str(file) in str(refusal)
        assert len(error_line(refusal)) < 1600  # without the middle of what no terminal shows
    assert len(refusals) > _MUTANTS // 5
    assert others > _MUTANTS // 40
