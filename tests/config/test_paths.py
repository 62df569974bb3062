"""A path means one place: relative to the file that names it, an option's to the current folder."""

import os
from pathlib import Path

import pytest
from pydantic import BaseModel

from jsl_core.config import PipelineSettings, ScoreSettings, load_lab, load_pipeline, load_sweep
from jsl_core.config.base import FileContent, Location
from jsl_core.config.sweep import trials_of
from jsl_core.config.tables import flatten_table, nest_value, setting_names
from jsl_core.errors import BadSettings, StoreError
from jsl_core.storage import open_store, work_folder

PATHS = [
    name
    for name, field in setting_names(PipelineSettings)
    if any(isinstance(mark, FileContent | Location) for mark in field.metadata)
]


def toml(name: str, value: str) -> str:
    return f"{name} = '{value}'\n"


def value_of(settings: BaseModel, name: str) -> object:
    return flatten_table(settings.model_dump())[name]


@pytest.fixture
def elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The current folder, which is not the one of the settings file."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


def test_every_setting_that_names_a_place_is_marked() -> None:
    assert {"scans", "cohort", "films", "truth", "store", "work", "publish"} <= set(PATHS)
    assert {"crop.cfg", "crop.weights", "training.weights"} <= set(PATHS)


@pytest.mark.parametrize("name", PATHS)
def test_a_path_in_a_file_is_relative_to_the_file(tmp_path: Path, elsewhere: Path, name: str) -> None:
    file = tmp_path / "lab" / "run.toml"
    file.parent.mkdir()
    file.write_text(toml(name, "own/thing"))
    assert value_of(load_pipeline(file), name) == str(file.parent / "own/thing")
    relative = Path(os.path.relpath(file, elsewhere))
    assert Path(str(value_of(load_pipeline(relative), name))).resolve() == file.parent / "own/thing"
    assert value_of(load_lab(file).settings, name) == str(file.parent / "own/thing")


@pytest.mark.parametrize("name", PATHS)
def test_a_path_in_an_option_is_relative_to_the_current_folder(
    tmp_path: Path, elsewhere: Path, name: str
) -> None:
    (tmp_path / "run.toml").write_text(toml(name, "of the file"))
    settings = load_pipeline(tmp_path / "run.toml", options=nest_value(name, "own/thing"))
    assert value_of(settings, name) == str(elsewhere / "own/thing")


@pytest.mark.parametrize("name", PATHS)
def test_a_tilde_is_the_home_folder_in_files_options_and_forms(
    tmp_path: Path, elsewhere: Path, name: str
) -> None:
    (tmp_path / "run.toml").write_text(toml(name, "~/thing"))
    there = str(tmp_path / "home" / "thing")
    assert value_of(load_pipeline(tmp_path / "run.toml"), name) == there
    assert value_of(load_pipeline(options=nest_value(name, "~/thing")), name) == there
    assert value_of(PipelineSettings.model_validate(nest_value(name, "~/thing")), name) == there
    assert ScoreSettings(models=("~/thing",)).models == (there,)


@pytest.mark.parametrize("name", PATHS)
def test_a_file_url_is_the_path_it_names(tmp_path: Path, elsewhere: Path, name: str) -> None:
    (tmp_path / "run.toml").write_text(toml(name, "file:///data/knee%20films"))
    assert value_of(load_pipeline(tmp_path / "run.toml"), name) == "/data/knee films"
    (tmp_path / "run.toml").write_text(toml(name, "file://other/data"))
    with pytest.raises(BadSettings, match=rf"run.toml: {name}: file://other/data names no file of this"):
        load_pipeline(tmp_path / "run.toml")


@pytest.mark.parametrize(
    ("name", "word"),
    [
        ("training.weights", "none"),
        ("training.weights", "imagenet"),
        ("scans", "s3://bucket/a"),
        ("truth", ""),
    ],
)
def test_a_word_or_a_bucket_is_no_path(tmp_path: Path, elsewhere: Path, name: str, word: str) -> None:
    (tmp_path / "run.toml").write_text(toml(name, word))
    assert value_of(load_pipeline(tmp_path / "run.toml"), name) == word


def test_paths_that_a_sweep_varies_are_relative_to_its_file(tmp_path: Path, elsewhere: Path) -> None:
    file = tmp_path / "sweep.toml"
    file.write_text("[sweep.vary]\n'training.weights' = ['none', 'a.safetensors', '~/b.pt']\n")
    weights = [chosen.training.weights for _, chosen in trials_of(*load_sweep(file))]
    assert weights == ["none", str(tmp_path / "a.safetensors"), str(tmp_path / "home" / "b.pt")]


def test_a_store_and_its_work_folder_agree_on_what_a_path_means(elsewhere: Path, tmp_path: Path) -> None:
    for url in ("~/store", "file://" + str(tmp_path / "home" / "store"), str(tmp_path / "home" / "store")):
        assert open_store(url).url == str(tmp_path / "home" / "store")
        assert work_folder(url) == tmp_path / "home" / "store" / "work"
    with pytest.raises(StoreError, match=r"store ~nobody-of-this-name/x: there is no such user here"):
        open_store("~nobody-of-this-name/x")
