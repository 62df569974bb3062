"""Two small KL models and a joint one, their knees as files, and another cohort."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from jsl_core.config import PackSettings, RegimeSettings, TrainingSettings
from jsl_core.dataset import pack
from jsl_core.learning.regimes import TrainingJob, train_regime
from tests.learning.conftest import SIZE, draw_cohort


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `cohort.csv`, its crops as PNG, and the bundles `a`, `b` (kl) and `joint`."""
    torch.set_num_threads(1)
    folder = tmp_path_factory.mktemp("lab")
    joints, table = draw_cohort()
    (folder / "crops").mkdir()
    for name, crop in joints.items():
        Image.fromarray(crop).save(folder / "crops" / f"{name}.png")
    table["Img_path"] = [f"crops/{name}.png" for name in table["ID"]]
    table["split"] = ["test" if int(name[4:7]) > 30 else "train" for name in table["participant"]]
    table.loc[table["participant"].str[-1] == "5", "split"] = "val"
    table.drop(columns=["participant", "side"]).to_csv(folder / "cohort.csv", index=False)
    pack(joints, table, PackSettings(size=SIZE), folder / "packed")
    regime = RegimeSettings(epochs=8, batch=16, lr=3e-3)
    kl = TrainingSettings(kl=regime, jsl_joint=regime, device="cpu", augment="none")
    train_regime(TrainingJob("kl", folder / "packed", kl, folder / "a"))
    other_seed = kl.model_copy(update={"seed": 1})
    train_regime(TrainingJob("kl", folder / "packed", other_seed, folder / "b"))
    train_regime(TrainingJob("jsl-joint", folder / "packed", kl, folder / "joint", parent=folder / "a"))
    return folder


@pytest.fixture(scope="session")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Another cohort's table and pictures, of people whom no model of the lab knows."""
    folder = tmp_path_factory.mktemp("foreign")
    joints, table = draw_cohort(120)
    table["ID"] = [f"8{name}" for name in table["ID"]]
    table["Img_path"] = [f"{name}.png" for name in table["ID"]]
    for name, crop in zip(table["ID"], joints.values(), strict=True):
        noise = np.random.default_rng(int(name[:-2])).normal(0, 12, crop.shape)
        Image.fromarray((crop + noise).clip(0, 255).astype(np.uint8)).save(folder / f"{name}.png")
    table.drop(columns=["participant", "side", "split"]).to_csv(folder / "other.csv", index=False)
    return folder
