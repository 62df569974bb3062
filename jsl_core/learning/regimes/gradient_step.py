"""One batch to gradients, in micro-batches that fit into memory, shared among the processes of a group."""

import torch

from jsl_core.errors import BadSettings
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.tensors import DeviceData
from jsl_core.learning.regimes.augment import Augmentation
from jsl_core.learning.regimes.cuda_graphs import GraphedFeatures
from jsl_core.learning.regimes.objective import Objective
from jsl_core.training.device import Precision, autocast
from jsl_core.training.process_group import ProcessGroup

__all__ = ["GradientStep"]


class GradientStep:
    """Fills the gradients of a network.

    Args:
        network: The network, on the device of `data`.
        data: Images, labels and risk factors of all N knees.
        objective: What is minimised.
        augmentation: Of the images.
        precision: Of the passes.
        group: The processes that share every batch.
        features: N×D of all knees, in place of the backbone; None runs it.
        micro_batches: In how many parts a batch is computed.
        compiled: Whether PyTorch compiles the backbone.

    Attributes:
        micro_batches: The same; it grows where the GPU's memory ends.
        scale: Reduces the images (see `KneeNetwork.view`).
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
        micro_batches: int,
        compiled: bool,
    ) -> None:
        self._network, self._data, self._objective = network, data, objective
        self._augmentation, self._precision, self._group = augmentation, precision, group
        self._features = features
        self._forward = torch.compile(network.forward_features) if compiled else network.forward_features
        self._graphed: GraphedFeatures | None = None
        if data.images.device.type == "cuda" and group.size == 1 and not compiled:
            self._graphed = GraphedFeatures(network, precision)
        self.micro_batches = micro_batches
        self.scale = 1.0

    def backpropagate(
        self, batch: torch.Tensor, generator: torch.Generator, freeze_backbone: bool
    ) -> torch.Tensor:
        """Backpropagate the loss of a batch.

        Without memory for it the batch is tried again without CUDA graphs, then in twice as many
        micro-batches: the same gradients in less memory.

        Args:
            batch: Rows B of the dataset, of all processes.
            generator: Draws the augmentation.
            freeze_backbone: Whether the heads alone get gradients.

        Returns:
            This process's part of the loss, a scalar.

        Raises:
            BadSettings: One image does not fit into the GPU's memory.
        """
        share = self._group.share(batch)
        state = generator.get_state()
        while True:
            self._network.zero_grad(set_to_none=True)
            try:
                return self._accumulate(share, batch, generator, freeze_backbone)
            except torch.OutOfMemoryError as error:
                if self._graphed is None and self.micro_batches >= len(share):
                    raise BadSettings(
                        "training on one image does not fit into the GPU's memory; take a smaller backbone "
                        "or smaller crops"
                    ) from error
            if self._graphed is None:
                self.micro_batches *= 2
            generator.set_state(state)
            self._graphed = None
            self._network.zero_grad(set_to_none=True)  # gradients may lie in a graph's memory
            if torch.cuda.is_available():
                torch.cuda.empty_cache()

    def _accumulate(
        self, share: torch.Tensor, batch: torch.Tensor, generator: torch.Generator, freeze_backbone: bool
    ) -> torch.Tensor:
        total = torch.zeros((), device=batch.device)
        for rows in share.tensor_split(min(self.micro_batches, len(share)) or 1):
            if not len(rows):  # more processes than rows
                break
            with autocast(self._precision, batch.device, self._network):
                with torch.set_grad_enabled(not freeze_backbone):
                    features = self._encode(rows, generator, freeze_backbone)
                outputs = self._network.forward_head(features, self._data.factors_of(rows))
            loss = self._objective(outputs, self._data, rows, None if rows is batch else batch)
            torch.autograd.backward(loss)
            total += loss.detach()
        return total

    def _encode(self, rows: torch.Tensor, generator: torch.Generator, freeze_backbone: bool) -> torch.Tensor:
        if self._features is not None:
            return self._features[rows]
        images = self._augmentation(self._data.images[rows], self._data.mirrored[rows], generator)
        images = images.contiguous(memory_format=torch.channels_last)
        # A graph overwrites its gradients; those of micro-batches add up.
        if self._graphed and not freeze_backbone and self.micro_batches == 1:
            return self._graphed(images, self.scale)
        features: torch.Tensor = self._forward(images, self.scale)
        return features
