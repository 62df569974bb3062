"""A backbone's passes on a GPU as CUDA graphs: one launch in place of a thousand.

With the batches that a few thousand knees are learned in, a GPU is done before Python has told it what to do
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

    A shape's graph is drawn when it first comes; where that fails (no memory for it, an operation that waits
    for the GPU) the network runs as it does without. The gradients lie in the graph's own memory, so they
    must be used up before its next pass.
    """

    def __init__(self, network: KneeNetwork, precision: Precision) -> None:
        self._network, self._precision = network, precision
        self._graphs: dict[tuple[torch.Size, float], nn.Module] = {}
        self._pool = torch.cuda.graph_pool_handle()  # shared, as the passes of two shapes never overlap
        # A graph is drawn on a stream of its own and replayed on the usual one.
        warnings.filterwarnings("ignore", "The AccumulateGrad node's stream does not match")

    def __call__(self, images: torch.Tensor, scale: float) -> torch.Tensor:
        key = (images.shape, scale)
        if key not in self._graphs:
            self._graphs[key] = self._drawn(images, scale)
        features: torch.Tensor = self._graphs[key](images)
        return features

    def _drawn(self, images: torch.Tensor, scale: float) -> nn.Module:
        """Drawing runs the network a few times; its batch statistics and the dice stay as they were."""
        kept = [buffer.clone() for buffer in self._network.buffers()]
        features = _Features(self._network, scale)
        cast = autocast(self._precision, images.device, self._network, cache_casts=False)
        try:
            with torch.random.fork_rng(devices=[images.device]), cast:
                torch.cuda.make_graphed_callables(
                    features, (images.clone(),), allow_unused_input=True, pool=self._pool
                )
        except RuntimeError:
            features = _Features(self._network, scale)
            torch.cuda.empty_cache()
        with torch.no_grad():
            for buffer, value in zip(self._network.buffers(), kept, strict=True):
                buffer.copy_(value)
        return features


class _Features(nn.Module):
    def __init__(self, network: KneeNetwork, scale: float) -> None:
        super().__init__()
        self.network, self.scale = network, scale

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.network.forward_features(images, self.scale)
