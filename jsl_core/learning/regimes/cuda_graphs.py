"""A backbone's passes on a GPU as CUDA graphs: one launch in place of a thousand.

With the batch sizes that suit a few thousand knees, a GPU finishes each kernel before Python has launched the
next. A graph holds all kernels of a pass over a batch of one shape, and starts them together.
"""

import warnings

import torch
from torch import nn

from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.training.device import Precision, autocast

__all__ = ["GraphedFeatures"]


class GraphedFeatures:
    """`network.forward_features` while training on a GPU, called within `autocast`.

    The graph of a shape is captured when it first comes; where that fails (no memory for it, an operation
    that waits for the GPU) the network runs without one. The gradients lie in the graph's own memory, so they
    must be used up before its next pass.
    """

    def __init__(self, network: KneeNetwork, precision: Precision) -> None:
        self._network, self._precision = network, precision
        self._graphs: dict[tuple[torch.Size, float], nn.Module] = {}
        self._pool = torch.cuda.graph_pool_handle()  # shared, as the passes of two shapes never overlap
        # A graph is captured on a stream of its own and replayed on the usual one.
        warnings.filterwarnings("ignore", "The AccumulateGrad node's stream does not match")

    def __call__(self, images: torch.Tensor, scale: float) -> torch.Tensor:
        """Features B×D of float images B×1×S×S in 0…1, reduced by `scale` (see `KneeNetwork.view`)."""
        key = (images.shape, scale)
        if key not in self._graphs:
            self._graphs[key] = self._capture(images, scale)
        features: torch.Tensor = self._graphs[key](images)
        return features

    def _capture(self, images: torch.Tensor, scale: float) -> nn.Module:
        """Capturing runs the network a few times; batch statistics and random states stay as they were."""
        statistics = [buffer.clone() for buffer in self._network.buffers()]
        features = _Features(self._network, scale)
        context = autocast(self._precision, images.device, self._network, cache_casts=False)
        try:
            with torch.random.fork_rng(devices=[images.device]), context:
                torch.cuda.make_graphed_callables(
                    features, (images.clone(),), allow_unused_input=True, pool=self._pool
                )
        except RuntimeError:
            features = _Features(self._network, scale)
            torch.cuda.empty_cache()
        with torch.no_grad():
            for buffer, value in zip(self._network.buffers(), statistics, strict=True):
                buffer.copy_(value)
        return features


class _Features(nn.Module):
    def __init__(self, network: KneeNetwork, scale: float) -> None:
        super().__init__()
        self.network, self.scale = network, scale

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network.forward_features(images, self.scale)
