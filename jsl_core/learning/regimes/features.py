"""The features that a frozen backbone computes of every knee, once, cached on this machine."""

import hashlib
from pathlib import Path

import torch
from safetensors.torch import load, save

from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes.prediction import encode
from jsl_core.storage.proof import seal_bytes, unseal_bytes
from jsl_core.system.code_key import code_key
from jsl_core.system.files import write_atomically

__all__ = ["cached_features"]


def cached_features(
    network: KneeNetwork, data: DeviceData, folder: Path | None, dataset: str
) -> torch.Tensor:
    """Features of all knees, as `encode` computes them; read from `folder` where they are cached.

    Another network, or another view of the knees, has other files; a damaged file is replaced.

    Args:
        network: Whose backbone computes them.
        data: All N knees.
        folder: The cache; None for none.
        dataset: Digest of the packed dataset.

    Returns:
        N×D, on the device of `data`.
    """
    rows = torch.arange(len(data.images), device=data.images.device)
    if folder is None:
        return encode(network, data, rows)
    path = folder / f"{_cache_key(network, data, dataset)}.sealed"
    try:
        return load(unseal_bytes(path.read_bytes()))["features"].to(rows.device)
    except Exception:  # absent or damaged: costs time, never correctness
        features = encode(network, data, rows)
    with write_atomically(path) as file:
        file.write(seal_bytes(save({"features": features.cpu()})))
    return features


def _cache_key(network: KneeNetwork, data: DeviceData, dataset: str) -> str:
    """Digest of all that the features depend on."""
    about = f"{code_key(encode).digest} {dataset} {network.spec} {data.images.device.type}"
    digest = hashlib.sha256(about.encode())
    digest.update(data.mirrored.cpu().numpy().tobytes())
    for name, tensor in network.backbone.state_dict().items():
        digest.update(name.encode() + tensor.cpu().contiguous().numpy().tobytes())
    return digest.hexdigest()
