"""A tiny cohort of drawn joints: the darker the gap, the higher the grade."""

import hashlib
import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

from jsl_core.config import PackSettings, RegimeSettings, TrainingSettings
from jsl_core.dataset import pack
from jsl_core.storage.proof import with_proof

SIZE = 32


@pytest.fixture(autouse=True, scope="session")
def _one_thread() -> None:
    torch.set_num_threads(1)


def draw_cohort(participants: int = 40) -> tuple[dict[str, np.ndarray], pd.DataFrame]:
    """Crops by ID and the table as `read_cohort` returns it; progression follows grade and BMI."""
    rng = np.random.default_rng(0)
    joints, rows = {}, []
    for number in range(participants):
        for side in (1, 2):
            grade = int(rng.integers(0, 5))
            name = f"{1000001 + number}_{side}"
            image = rng.normal(150, 10, (SIZE, SIZE))
            image[14:18, 4 : 28 - 4 * grade] -= 100
            joints[name] = image.clip(0, 255).astype(np.uint8)
            if side == 2:
                joints[name] = np.ascontiguousarray(joints[name][:, ::-1])
            bmi = rng.normal(28, 4)
            progressed = float(rng.random() < 1 / (1 + np.exp(-(grade - 2) - (bmi - 28) / 4)))
            rows.append(
                {
                    "ID": name,
                    "participant": str(1000001 + number),
                    "side": side,
                    "split": "",
                    "Img_path": "",
                    "Age": rng.normal(61, 9),
                    "Sex": float(rng.integers(1, 3)),
                    "Race": float(rng.integers(0, 4)),
                    "BMI": bmi,
                    "Knee_Injury": float(rng.integers(0, 2)),
                    "Alignment_degree": rng.normal(-1, 3),
                    "BL_KL_grade": float(grade),
                    "JSL_Prog": progressed,
                }
            )
    return joints, pd.DataFrame(rows)


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The tiny cohort, packed."""
    folder = tmp_path_factory.mktemp("packed")
    joints, table = draw_cohort()
    pack(joints, table, PackSettings(size=SIZE), folder)
    return folder


@pytest.fixture(scope="session")
def fast() -> TrainingSettings:
    """Two epochs of everything."""
    regime = RegimeSettings(epochs=2, batch=16, lr=2e-3, average=0.5)
    return TrainingSettings(
        kl=regime,
        jsl_image=regime,
        jsl_joint_frozen=regime,
        jsl_joint=regime,
        multitask=regime,
        device="cpu",
    )


def pack_edited(dataset: Path, folder: Path, table: pd.DataFrame) -> Path:
    """A copy of a packed dataset with another table, as if it had been packed so."""
    folder.mkdir()
    (folder / "images.npy").symlink_to(dataset / "images.npy")
    table.to_csv(folder / "table.csv", index=False)
    record = json.loads((dataset / "dataset.json").read_text())
    del record["proof"]
    images = np.load(dataset / "images.npy")
    record["digest"] = hashlib.sha256(images.tobytes() + (folder / "table.csv").read_bytes()).hexdigest()
    (folder / "dataset.json").write_text(json.dumps(with_proof(record)))
    return folder
