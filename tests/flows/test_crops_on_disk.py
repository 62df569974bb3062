"""Crops that a table names by Img_path: those that are not there or cannot be read count as rejected."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from flows.prepare import PreparedDataset, prepare
from jsl_core.config import load_pipeline
from jsl_core.errors import BadTable, JslError
from jsl_core.storage import open_store
from tasks.caching import results_block

pytestmark = pytest.mark.usefixtures("prefect")

IDS = [f"{participant}_{side}" for participant in range(1000031, 1000041) for side in (1, 2)]


@pytest.fixture
def table(tmp_path: Path) -> Path:
    rng = np.random.default_rng(6)
    for name in IDS:
        Image.fromarray(rng.integers(0, 256, (32, 32), np.uint8)).save(tmp_path / f"{name}.png")
    rows = {"ID": IDS, "BL_KL_grade": np.arange(len(IDS)) % 5, "Img_path": [f"{name}.png" for name in IDS]}
    pd.DataFrame(rows).to_csv(tmp_path / "knees.csv", index=False)
    return tmp_path / "knees.csv"


def run(table: Path, max_rejected: float) -> PreparedDataset:
    places = {"cohort": str(table), "store": str(table.parent / "store"), "max_rejected": max_rejected}
    options = places | {"training": {"regimes": ["kl"]}, "pack": {"size": 32}}
    settings = load_pipeline(options=options)
    return prepare.with_options(result_storage=results_block(settings.store))(settings)


def test_crops_that_cannot_be_read_count(table: Path) -> None:
    for name in IDS[3:6]:
        (table.parent / f"{name}.png").write_bytes(b"\x89PNG cut short" + name.encode())
    with pytest.raises(JslError, match=r"3 of 20 pictures of knees\.csv cannot be used, more than") as caught:
        run(table, 0.1)
    named = str(caught.value).partition("see ")[2].partition(",")[0]
    assert list(pd.read_csv(named)["ID"]) == IDS[3:6]
    assert Path(named).parent.parent == table.parent / "store" / "runs"
    assert run(table, 0.15).dataset


def test_crops_that_are_missing_stop_the_run_before_anything_is_stored(table: Path) -> None:
    for name in IDS[:11]:
        (table.parent / f"{name}.png").unlink()
    with pytest.raises(
        BadTable, match=r"11 of 20 Img_path are not there; the first is row 2, 1000031_1\.png"
    ):
        run(table, 0.5)
    assert not list(open_store(str(table.parent / "store")).keys("cas"))
    assert run(table, 0.55).dataset
