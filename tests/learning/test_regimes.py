"""Every regime learns, writes what it learned, and can be repeated bit for bit."""

import dataclasses
import filecmp
import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import get_args

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.metrics import log_loss, roc_auc_score

from jsl_core.cohort import FactorEncoder
from jsl_core.config import Regime, RegimeSettings, TrainingSettings
from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadTable, BundleError
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.spec import NetworkSpec
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes import EpochReport, TrainingJob, train_regime, train_risk_factors
from jsl_core.learning.regimes.augment import Augmentation
from jsl_core.learning.regimes.objective import Objective
from jsl_core.learning.regimes.prediction import encode
from jsl_core.learning.regimes.trainer import Trainer
from jsl_core.training.checkpoint import Checkpoint

from .conftest import pack_edited

BUNDLE = {"model.safetensors", "bundle.json", "metrics.json", "card.md", "history.csv", "predictions.csv"}


@pytest.fixture(scope="module")
def bundles(dataset: Path, fast: TrainingSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundles of all regimes, each started from its parent."""
    folder = tmp_path_factory.mktemp("bundles")
    for regime in fast.regimes:
        parent = fast.parent_of(regime)
        train_regime(TrainingJob(regime, dataset, fast, folder / regime, folder / parent if parent else None))
    return folder


@pytest.mark.parametrize("regime", get_args(Regime))
def test_a_regime_s_bundle_scores_the_same_after_reload(bundles: Path, dataset: Path, regime: Regime) -> None:
    assert {path.name for path in (bundles / regime).iterdir()} == BUNDLE
    packed = PackedDataset.load(dataset)
    predictions = pd.read_csv(bundles / regime / "predictions.csv")
    scored = ModelBundle.load(bundles / regime).predict(packed.images, packed.table)
    assert list(predictions["ID"]) == list(packed.table["ID"])
    np.testing.assert_allclose(predictions[scored.columns], scored, rtol=1e-5, atol=1e-7)
    assert set(scored.columns) == {
        *(f"kl_{grade}" for grade in range(5) if regime in ("kl", "multitask")),
        *(["jsl_risk"] if regime != "kl" else []),
    }


@pytest.mark.parametrize("regime", get_args(Regime))
def test_the_kept_epoch_is_the_best_on_validation(bundles: Path, regime: Regime) -> None:
    history = pd.read_csv(bundles / regime / "history.csv")
    assert len(history) == (3 if "joint" in regime else 2)  # epoch 0: image and regression of the factors
    assert history.loc[history["kept"], "epoch"].item() == history.loc[history["val_loss"].idxmin(), "epoch"]


@pytest.mark.parametrize("balance", ["halve", "weights", "sample"])
def test_epochs_are_judged_by_the_risks_that_the_bundle_tells_and_not_by_those_of_a_balanced_world(
    dataset: Path, fast: TrainingSettings, tmp_path: Path, balance: str
) -> None:
    balanced = RegimeSettings.model_validate({"epochs": 1, "batch": 16, "lr": 2e-3, "balance": balance})
    settings = fast.model_copy(update={"jsl_image": balanced})
    train_regime(TrainingJob("jsl-image", dataset, settings, tmp_path))
    bundle, packed = ModelBundle.load(tmp_path), PackedDataset.load(dataset)
    assert bundle.prior_shift != 0
    logits = bundle.logits(np.asarray(packed.images), packed.table)["jsl"][:, 0] + bundle.prior_shift
    val = (packed.table["split"] == "val").to_numpy()
    expected = log_loss(packed.table["JSL_Prog"][val], 1 / (1 + np.exp(-logits[val].astype(float))))
    history = pd.read_csv(tmp_path / "history.csv")
    assert history["val_loss"].item() == pytest.approx(expected, abs=1e-4)


def test_grades_are_learned_from_the_picture(dataset: Path, fast: TrainingSettings, tmp_path: Path) -> None:
    longer = fast.model_copy(update={"kl": RegimeSettings(epochs=12, batch=16, lr=3e-3)})
    train_regime(TrainingJob("kl", dataset, longer, tmp_path))
    metrics = json.loads((tmp_path / "metrics.json").read_text())
    assert metrics["test"]["kappa"] > 0.7


def backbone(bundle: Path) -> dict[str, torch.Tensor]:
    return ModelBundle.load(bundle).network.backbone.state_dict()


def test_a_frozen_backbone_is_its_parent_s_and_an_unfrozen_one_is_not(bundles: Path) -> None:
    parent, frozen, free = (
        backbone(bundles / name) for name in ("jsl-image", "jsl-joint-frozen", "jsl-joint")
    )
    assert all(torch.equal(parent[key], frozen[key]) for key in parent)
    assert not all(torch.equal(parent[key], free[key]) for key in parent)


def test_a_joint_network_begins_with_the_logits_of_the_image_network_it_starts_from(bundles: Path) -> None:
    parent = ModelBundle.load(bundles / "jsl-image").network
    child = KneeNetwork(dataclasses.replace(parent.spec, inputs=14)).eval()
    child.start_from(parent, heads=True)
    images, factors = torch.rand(3, 1, 32, 32), torch.rand(3, 14)
    torch.testing.assert_close(child(images, factors)["jsl"], parent(images)["jsl"])


def test_held_heads_read_the_image_as_their_parent_does_and_learn_the_risk_factors(
    dataset: Path, bundles: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    chosen = fast.jsl_joint_frozen.model_copy(update={"hold_heads": True})
    settings = fast.model_copy(update={"jsl_joint_frozen": chosen})
    train_regime(TrainingJob("jsl-joint-frozen", dataset, settings, tmp_path / "held", bundles / "jsl-image"))
    parent, held, free = (
        ModelBundle.load(folder).network.heads["jsl"].weight
        for folder in (bundles / "jsl-image", tmp_path / "held", bundles / "jsl-joint-frozen")
    )
    features = parent.shape[1]
    scale = held[:, :features] / parent
    torch.testing.assert_close(scale, scale.mean().expand_as(scale), rtol=1e-3, atol=1e-3)
    assert held[:, features:].abs().sum() > 0
    assert not torch.equal(free[:, :features], held[:, :features])


def test_in_frozen_epochs_only_the_head_learns(
    bundles: Path, dataset: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    held = fast.model_copy(update={"jsl_joint": RegimeSettings(epochs=1, freeze_epochs=1)})
    train_regime(TrainingJob("jsl-joint", dataset, held, tmp_path, parent=bundles / "jsl-image"))
    parent, child = backbone(bundles / "jsl-image"), backbone(tmp_path)
    assert all(torch.equal(parent[key], child[key]) for key in parent)


def test_cached_features_train_the_same_head_as_computed_ones(dataset: Path) -> None:
    packed = PackedDataset.load(dataset)
    rows = {split: torch.tensor(np.flatnonzero(packed.table["split"] == split)) for split in ("train", "val")}
    encoder = FactorEncoder.fit(packed.table.iloc[rows["train"].tolist()])
    data = DeviceData.of(packed, encoder, True, torch.device("cpu"))
    heads = []
    for once in (True, False):
        torch.manual_seed(0)
        network = KneeNetwork(
            NetworkSpec("jslnet", 1, packed.size, "image", ("jsl",), inputs=14, dropout=0.2)
        )
        features = encode(network, data, torch.arange(len(packed.table))) if once else None
        trainer = Trainer(
            network=network,
            data=data,
            train_rows=rows["train"],
            val_rows=rows["val"],
            settings=RegimeSettings(epochs=3),
            augmentation=Augmentation(),
            objective=Objective(),
            precision="fp32",
            seed=0,
            frozen=True,
            features=features,
        )
        trainer.run(Checkpoint(None, ""))
        heads.append(network.heads["jsl"].weight.detach())
    torch.testing.assert_close(heads[0], heads[1], rtol=1e-4, atol=1e-6)


class Interrupted(Exception):
    """Stands for Ctrl-C."""


@pytest.mark.parametrize("regime", ["kl", "jsl-joint", "jsl-joint-frozen"])
def test_a_run_stopped_after_an_epoch_and_resumed_gives_the_same_bytes(
    bundles: Path, dataset: Path, fast: TrainingSettings, tmp_path: Path, regime: Regime
) -> None:
    parent = fast.parent_of(regime)
    job = TrainingJob(
        regime,
        dataset,
        fast,
        tmp_path / "out",
        parent=bundles / parent if parent else None,
        checkpoints=tmp_path / "checkpoints",
    )

    def stop(report: EpochReport) -> None:
        raise Interrupted

    with pytest.raises(Interrupted):
        train_regime(job, stop)
    assert not (tmp_path / "out" / "bundle.json").exists()
    epochs: list[int] = []
    train_regime(job, lambda report: epochs.append(report.epoch))
    assert epochs == [2]
    same, different, missing = filecmp.cmpfiles(bundles / regime, tmp_path / "out", BUNDLE, shallow=False)
    assert (set(same), different, missing) == (BUNDLE, [], [])


@pytest.mark.slow
def test_a_run_killed_inside_an_epoch_and_resumed_gives_the_same_bytes(
    bundles: Path, dataset: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    script = """
import os, signal, sys
from pathlib import Path
import torch
from jsl_core.config import TrainingSettings
from jsl_core.learning.regimes import TrainingJob, objective, train_regime
torch.set_num_threads(1)
settings = TrainingSettings.model_validate_json(sys.argv[1])
dataset, out, checkpoints = map(Path, sys.argv[2:])
calls, loss = [], objective.Objective.__call__
def loss_or_kill(self, *arguments):
    calls.append(1)
    if len(calls) == 7:  # three training batches and a validation an epoch: the third batch of the second
        os.kill(os.getpid(), signal.SIGKILL)
    return loss(self, *arguments)
objective.Objective.__call__ = loss_or_kill
train_regime(TrainingJob("kl", dataset, settings, out, checkpoints=checkpoints))
"""
    arguments = [fast.model_dump_json(), dataset, tmp_path / "out", tmp_path / "checkpoints"]
    killed = subprocess.run([sys.executable, "-c", script, *map(str, arguments)], env=os.environ, check=False)
    assert killed.returncode == -signal.SIGKILL
    assert (tmp_path / "checkpoints" / "epoch.pt").exists()
    train_regime(TrainingJob("kl", dataset, fast, tmp_path / "out", checkpoints=tmp_path / "checkpoints"))
    for name in BUNDLE:
        assert (tmp_path / "out" / name).read_bytes() == (bundles / "kl" / name).read_bytes()


def test_a_checkpoint_of_other_settings_is_not_used(
    dataset: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    checkpoints = tmp_path / "checkpoints"
    train_regime(TrainingJob("kl", dataset, fast, tmp_path / "a", checkpoints=checkpoints))
    other = fast.model_copy(update={"seed": 1})
    train_regime(TrainingJob("kl", dataset, other, tmp_path / "b", checkpoints=checkpoints))
    train_regime(TrainingJob("kl", dataset, other, tmp_path / "c"))
    model = "model.safetensors"
    assert (tmp_path / "b" / model).read_bytes() == (tmp_path / "c" / model).read_bytes()
    assert (tmp_path / "a" / model).read_bytes() != (tmp_path / "b" / model).read_bytes()


@pytest.mark.slow
def test_the_baseline_without_images_has_a_bundle_s_shape(
    dataset: Path, fast: TrainingSettings, tmp_path: Path
) -> None:
    for model in ("logistic", "boosting"):
        settings = fast.model_copy(update={"risk_model": model})
        train_risk_factors(dataset, settings, tmp_path / model)
        predictions = pd.read_csv(tmp_path / model / "predictions.csv")
        train = predictions[predictions["split"] == "train"]
        auc = json.loads((tmp_path / model / "metrics.json").read_text())["train"]["auc"]
        assert auc == pytest.approx(roc_auc_score(train["JSL_Prog"], train["jsl_risk"]))
        assert auc > 0.75
        with pytest.raises(BundleError, match="has no network"):
            ModelBundle.load(tmp_path / model)


def copy_with_columns(dataset: Path, folder: Path, **columns: object) -> Path:
    """A copy of the dataset whose table has other columns."""
    table = pd.read_csv(dataset / "table.csv", dtype={"participant": str})
    return pack_edited(dataset, folder, table.assign(**columns))


def test_labels_of_one_kind_are_one_clear_line(dataset: Path, fast: TrainingSettings, tmp_path: Path) -> None:
    stable = copy_with_columns(dataset, tmp_path / "stable", JSL_Prog=0.0)
    with pytest.raises(BadTable, match="train part has only one value of JSL_Prog; jsl-image needs"):
        train_regime(TrainingJob("jsl-image", stable, fast, tmp_path / "out"))
    with pytest.raises(BadTable, match="only one value of JSL_Prog"):
        train_risk_factors(stable, fast, tmp_path / "out")
    unlabelled = copy_with_columns(dataset, tmp_path / "unlabelled", BL_KL_grade=np.nan)
    with pytest.raises(BadTable, match="train part has no knee with BL_KL_grade"):
        train_regime(TrainingJob("kl", unlabelled, fast, tmp_path / "out"))


def test_a_missing_factor_is_one_clear_line(dataset: Path, fast: TrainingSettings, tmp_path: Path) -> None:
    unknown = copy_with_columns(dataset, tmp_path / "unknown", Alignment_degree=np.nan)
    with pytest.raises(BadTable, match="Alignment_degree is missing for every training knee"):
        train_regime(TrainingJob("jsl-joint", unknown, fast, tmp_path / "out"))


def test_a_bundle_that_does_not_fit_is_one_clear_line(bundles: Path, tmp_path: Path, dataset: Path) -> None:
    with pytest.raises(BundleError, match="not a model bundle"):
        ModelBundle.load(tmp_path)
    record = json.loads((bundles / "kl" / "bundle.json").read_text())
    (tmp_path / "bundle.json").write_text(json.dumps(record | {"format": 99}))
    with pytest.raises(BundleError, match="bundle format 99, not 1"):
        ModelBundle.load(tmp_path)
    (tmp_path / "bundle.json").write_text(json.dumps(record))
    (tmp_path / "model.safetensors").write_bytes(b"\0" * 100)
    with pytest.raises(BundleError, match="damaged"):
        ModelBundle.load(tmp_path)
    packed = PackedDataset.load(dataset)
    with pytest.raises(BundleError, match="takes crops of 32 pixels, not 64"):
        ModelBundle.load(bundles / "kl").predict(np.zeros((1, 64, 64), np.uint8), packed.table)


def test_left_knees_are_mirrored_on_the_way_in(bundles: Path, dataset: Path) -> None:
    packed = PackedDataset.load(dataset)
    bundle = ModelBundle.load(bundles / "kl")
    as_right = packed.table.assign(side=1)
    mirrored = np.where(packed.left[:, None, None], packed.images[:, :, ::-1], packed.images)
    pd.testing.assert_frame_equal(
        bundle.predict(packed.images, packed.table), bundle.predict(mirrored, as_right), rtol=1e-6
    )


def test_a_frozen_backbone_encodes_every_knee_once_for_all_heads_that_are_tried(
    bundles: Path, dataset: Path, fast: TrainingSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    encoded: list[int] = []
    forward = KneeNetwork.forward_features

    def counted(self: KneeNetwork, images: torch.Tensor) -> torch.Tensor:
        if len(images) > 2:  # two are the probe of a bundle that is saved or loaded
            encoded.append(len(images))
        return forward(self, images)

    def frozen(out: str, parent: str = "jsl-image", **regime: float) -> bytes:
        chosen = fast.jsl_joint_frozen.model_copy(update=regime)
        settings = fast.model_copy(update={"jsl_joint_frozen": chosen})
        encoded.clear()
        start, cache = bundles / parent, tmp_path / "features"
        train_regime(
            TrainingJob("jsl-joint-frozen", dataset, settings, tmp_path / out, start, features=cache)
        )
        return (tmp_path / out / "model.safetensors").read_bytes()

    monkeypatch.setattr(KneeNetwork, "forward_features", counted)
    uncached = (bundles / "jsl-joint-frozen" / "model.safetensors").read_bytes()
    assert frozen("first") == uncached
    assert sum(encoded) == 80
    assert frozen("again") == uncached
    assert not encoded
    assert frozen("other head", lr=1e-2) != uncached
    assert not encoded
    frozen("other cnn", parent="multitask")
    assert sum(encoded) == 80
    for file in (tmp_path / "features").iterdir():
        file.write_bytes(b"cut short")
    assert frozen("damaged") == uncached
    assert sum(encoded) == 80
