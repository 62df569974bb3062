"""One batch to gradients, in pieces that fit into memory, shared by the processes of a group."""

import torch

from jsl_core.errors import BadSettings
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes.augment import Augmentation
from jsl_core.learning.regimes.cuda_graphs import GraphedFeatures
from jsl_core.learning.regimes.objective import Objective
from jsl_core.training.device import Precision, autocast
from jsl_core.training.process_group import ProcessGroup

__all__ = ["Steps"]


class Steps:
    """Fills the gradients of `network`; `pieces` grows where the GPU's memory ends.

    `features` of all knees, where given, stand in for the backbone. `scale` reduces the images (see
    `KneeNetwork.view`).
    """

    def __init__(
        self,
        network: KneeNetwork,
        data: DeviceData,
        objective: Objective,
        augmentation: Augmentation,
        precision: Precision,
        group: ProcessGroup,
        features: torch.Tensor | None,
        pieces: int,
        compiled: bool,
    ) -> None:
        self._network, self._data, self._objective = network, data, objective
        self._augmentation, self._precision, self._group = augmentation, precision, group
        self._features = features
        self._forward = torch.compile(network.forward_features) if compiled else network.forward_features
        self._graphed: GraphedFeatures | None = None
        if data.images.device.type == "cuda" and group.size == 1 and not compiled:
            self._graphed = GraphedFeatures(network, precision)
        self.pieces = pieces
        self.scale = 1.0

    def gradients(self, batch: torch.Tensor, generator: torch.Generator, hold_backbone: bool) -> torch.Tensor:
        """Backpropagate the loss of `batch`, and return this process's part of it.

        Without memory for it the batch is tried again without graphs, then in twice as many pieces: the same
        gradients in less memory. Raises `BadSettings` where one image does not fit.
        """
        mine = self._group.share(batch)
        drawn = generator.get_state()
        while True:
            self._network.zero_grad(set_to_none=True)
            try:
                return self._pieces(mine, batch, generator, hold_backbone)
            except torch.OutOfMemoryError as error:
                if self._graphed is None and self.pieces >= len(mine):
                    raise BadSettings(
                        "training on one image does not fit into the GPU's memory; take a smaller backbone "
                        "or smaller crops"
                    ) from error
            if self._graphed is None:
                self.pieces *= 2
            generator.set_state(drawn)
            self._graphed = None
            self._network.zero_grad(set_to_none=True)  # gradients may lie in a graph's memory
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _pieces(
        self, mine: torch.Tensor, batch: torch.Tensor, generator: torch.Generator, hold_backbone: bool
    ) -> torch.Tensor:
        total = torch.zeros((), device=batch.device)
        for rows in mine.tensor_split(min(self.pieces, len(mine)) or 1):
            if not len(rows):  # a team larger than the batch
                break
            with autocast(self._precision, batch.device, self._network):
                with torch.set_grad_enabled(not hold_backbone):
                    features = self._encode(rows, generator, hold_backbone)
                outputs = self._network.forward_head(features, self._data.factors_of(rows))
            loss = self._objective(outputs, self._data, rows, None if rows is batch else batch)
            torch.autograd.backward(loss)
            total += loss.detach()
        return total

    def _encode(self, rows: torch.Tensor, generator: torch.Generator, hold_backbone: bool) -> torch.Tensor:
        if self._features is not None:
            return self._features[rows]
        images = self._augmentation(self._data.images[rows], self._data.mirrored[rows], generator)
        images = images.contiguous(memory_format=torch.channels_last)
        if self._graphed and not hold_backbone and self.pieces == 1:  # pieces add up their gradients
            return self._graphed(images, self.scale)
        features: torch.Tensor = self._forward(images, self.scale)
        return features
