"""Models beside which a run publishes `model.onnx`: those with a network."""

import json
import logging
from pathlib import Path

import pytest

from jsl_core.learning.model.record import FORMAT
from jsl_core.storage import FolderStore, put_tree
from tasks.caching import Placement
from tasks.onnx import as_onnx


def test_risk_factors_alone_have_no_network_and_nobody_is_warned_of_that(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    store, folder = FolderStore(tmp_path / "store"), tmp_path / "bundle"
    folder.mkdir()
    (folder / "model.safetensors").write_bytes(b"")
    record = {"format": FORMAT, "regime": "risk-factors", "network": None, "factors": None}
    (folder / "bundle.json").write_text(json.dumps(record))
    with caplog.at_level(logging.WARNING):
        assert (
            as_onnx(
                put_tree(store, folder, "risk-factors.json"),
                Placement(store=store.url, work=str(tmp_path / "work")),
            )
            == {}
        )
    assert not caplog.records
