"""Models as ONNX, made once for each, where the optional package is installed."""

import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from prefect.logging import get_logger

from jsl_core.errors import BundleError
from jsl_core.storage import Artifact, Memo, Store, checkout, tree_files
from jsl_core.system.code_key import code_key
from tasks.caching import Placement

__all__ = ["as_onnx"]


def as_onnx(model: Artifact, placement: Placement) -> dict[str, Artifact]:
    """`model.onnx` of a bundle's tree; nothing of a model without a network, or of several in one."""
    store = placement.open()
    if "model.safetensors" not in tree_files(store, model) or find_spec("onnx") is None:
        return {}
    memo = Memo(store, f"onnx {code_key(as_onnx, placement.exact_versions).digest}")
    known = memo.get(model.sha256)
    if known is None:
        try:
            known = _write_onnx(checkout(store, model, placement.folder("trees")), store)
        except BundleError as error:
            get_logger(__name__).warning("%s", error)
            known = {}
        memo.put(model.sha256, known)  # that there is none, too: to find that out again loads PyTorch
    return {name: Artifact.model_validate(file) for name, file in known.items()}


def _write_onnx(bundle: Path, store: Store) -> dict[str, dict[str, Any]]:
    from jsl_core.learning.model.bundle import ModelBundle
    from jsl_core.learning.model.onnx import save_model_onnx
    from jsl_core.learning.model.record import BundleRecord

    if BundleRecord.read(bundle).network is None:
        return {}
    with tempfile.TemporaryDirectory() as folder:
        save_model_onnx(ModelBundle.load(bundle), Path(folder, "model.onnx"))
        return {"model.onnx": store.put_file(Path(folder, "model.onnx")).model_dump()}
