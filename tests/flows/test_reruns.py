"""A file that is replaced in place makes exactly what depends on it run again, and `jsl why` says so."""

import shutil
from pathlib import Path
from typing import Any

import pytest
from safetensors.torch import load_file, save_file

from flows.prepare import PreparedDataset, prepare
from flows.train import train_models
from jsl_core.config import PhantomSettings, PipelineSettings, load_pipeline
from jsl_core.detection.detector import SHIPPED
from jsl_core.phantom import write_phantom
from jsl_core.storage import open_store, tree_files
from jsl_core.storage.cache_miss import explain_misses
from jsl_core.storage.history import History
from tasks.caching import results_block

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.slow]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reruns")
    write_phantom(folder / "phantom", PhantomSettings(patients=16, seed=3, long_side=(600, 700)))
    for source, name in zip(SHIPPED, ("own.cfg", "own.safetensors"), strict=True):
        shutil.copy(source, folder / name)
    return folder


def settings_of(folder: Path, **training: Any) -> PipelineSettings:
    options = {
        "scans": str(folder / "phantom" / "scans"),
        "cohort": str(folder / "phantom" / "JSL.csv"),
        "store": str(folder / "store"),
        "crop": {"cfg": str(folder / "own.cfg"), "weights": str(folder / "own.safetensors")},
        "pack": {"size": 64, "val": 0.25, "test": 0.25},
        "training": {"regimes": ["kl"], "augment": "none", "factors": "none", "kl": {"epochs": 1}} | training,
    }
    return load_pipeline(preset="demo", options=options)


def prepared(settings: PipelineSettings) -> PreparedDataset:
    run: PreparedDataset = prepare.with_options(result_storage=results_block(settings.store))(settings)
    return run


def ran_anew(settings: PipelineSettings) -> set[str]:
    """The stages of the newest run with a key that no run before had."""
    newest, *earlier = History(open_store(settings.store)).runs()
    known = {key for run in earlier for key in run.keys}
    return {key.partition("/")[0] for key in newest.keys if key not in known}


def replace_weights(file: Path) -> None:
    """Other weights of the same shapes, under the same name."""
    save_file({name: tensor * 1.001 for name, tensor in load_file(file).items()}, file)


def test_another_detector_under_the_same_name_crops_again_and_neither_converts_nor_splits(
    folder: Path,
) -> None:
    settings = settings_of(folder)
    first = prepared(settings)
    replace_weights(folder / "own.safetensors")
    second = prepared(settings)
    assert ran_anew(settings) == {"crop", "fit", "measure", "gather", "pack"}
    assert first.converted == second.converted
    assert first.dataset != second.dataset
    why = explain_misses(open_store(settings.store), "latest", "crop")
    assert len(why) == 2
    assert why[1].startswith("  setting weights: the file that it names holds something else (")


def test_other_initial_weights_under_the_same_name_train_again(folder: Path) -> None:
    settings = settings_of(folder)
    dataset = prepared(settings).dataset
    store = open_store(settings.store)
    train = train_models.with_options(result_storage=results_block(settings.store))
    bundle = train(dataset, settings)["kl"]
    weights = folder / "initial.safetensors"
    store.fetch(tree_files(store, bundle)["model.safetensors"], weights)
    backbone = {
        name.removeprefix("backbone."): tensor
        for name, tensor in load_file(weights).items()
        if name.startswith("backbone.")
    }
    save_file(backbone, weights)
    settings = settings_of(folder, weights=str(weights))
    first = train(dataset, settings)["kl"]
    assert train(dataset, settings)["kl"] == first
    assert ran_anew(settings) == set()
    replace_weights(weights)
    assert train(dataset, settings)["kl"] != first
    assert ran_anew(settings) == {"train"}
    why = explain_misses(store, "latest", "train")
    assert why[1].startswith("  setting weights: the file that it names holds something else (")
