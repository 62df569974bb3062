"""Crops on disk are packed as they were when they were listed, or not at all."""

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from jsl_core.config import PackSettings
from jsl_core.errors import JslError
from jsl_core.imaging import encode_png
from jsl_core.storage import tree_files
from tasks.caching import Placement
from tasks.pack import list_images, pack_images

KNEES = [f"100000{number}_{side}" for number in range(1, 7) for side in (1, 2)]


def test_a_crop_that_changed_after_it_was_listed_is_packed_under_no_key(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    for knee in KNEES:
        crop = rng.integers(0, 255, (40, 40), dtype=np.uint8)
        (tmp_path / f"{knee}.png").write_bytes(encode_png(crop))
    table = pd.DataFrame({"ID": KNEES, "Img_path": [f"{knee}.png" for knee in KNEES], "BL_KL_grade": 2})
    placement = Placement(
        store=str(tmp_path / "store"), work=str(tmp_path / "work"), scans=str(tmp_path), cohort=""
    )
    store = placement.open()
    cohort = store.put(table.to_csv(index=False).encode(), "cohort.csv")
    images = list_images(list(table["Img_path"]), placement)
    settings = PackSettings(size=32, val=0.25, test=0.25)
    assert "images.npy" in tree_files(store, pack_images.fn(images, cohort, settings, placement))
    crop = rng.integers(0, 255, (40, 40), dtype=np.uint8)
    (tmp_path / f"{KNEES[0]}.png").write_bytes(encode_png(crop))
    with pytest.raises(JslError, match="changed while they were read; run again"):
        pack_images.fn(images, cohort, settings, placement)
