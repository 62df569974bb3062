"""Data-parallel training: the processes that `torchrun` started on this machine, each with its share."""

import os
from collections.abc import Iterable
from dataclasses import dataclass

import torch
from torch import distributed, nn

__all__ = ["ProcessGroup"]


@dataclass(frozen=True)
class ProcessGroup:
    """This process is number `rank` of `size`; alone, it is 0 of 1 and every method is free.

    All processes draw the same batches from the same seed, so no rows need to be sent. Gradients are summed
    over the processes: each divides its losses by the size of the whole batch.
    """

    rank: int = 0
    size: int = 1

    @classmethod
    def join(cls) -> "ProcessGroup":
        """Join the group that torchrun started; a process that it did not start is alone."""
        if not distributed.is_torchelastic_launched():
            return cls()
        if not distributed.is_initialized():
            distributed.init_process_group("nccl" if torch.cuda.is_available() else "gloo")
        return cls(distributed.get_rank(), distributed.get_world_size())

    @property
    def is_main(self) -> bool:
        """Whether this process is the one that writes files and reports progress."""
        return self.rank == 0

    @property
    def gpu(self) -> int:
        """Number of this process's GPU on its machine."""
        return int(os.environ["LOCAL_RANK"]) if self.size > 1 else 0

    def share(self, rows: torch.Tensor) -> torch.Tensor:
        """This process's part of the rows B of a batch; parts may be empty."""
        return rows.tensor_split(self.size)[self.rank] if self.size > 1 else rows

    def sum(self, tensor: torch.Tensor) -> torch.Tensor:
        """The sum over all processes, in place."""
        if self.size > 1:
            distributed.all_reduce(tensor)
        return tensor

    def sum_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Replace every gradient by its sum over all processes, in one message."""
        if self.size == 1:
            return
        learning = [parameter for parameter in parameters if parameter.requires_grad]
        for parameter in learning:
            if parameter.grad is None:  # an empty share, or a frozen backbone
                parameter.grad = torch.zeros_like(parameter)
        gradients = [parameter.grad for parameter in learning if parameter.grad is not None]
        flat = self.sum(torch.cat([gradient.flatten() for gradient in gradients]))
        for gradient, part in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(part.view_as(gradient))

    def average_buffers(self, network: nn.Module) -> None:
        """Replace batch statistics by their mean over all processes."""
        for buffer in network.buffers():
            if self.size > 1 and buffer.is_floating_point():
                self.sum(buffer).div_(self.size)

    def broadcast(self, value: bool) -> bool:
        """The main process's value, once all processes have come this far."""
        if self.size == 1:
            return value
        values = [value]
        distributed.broadcast_object_list(values, src=0)
        return values[0]

    def wait(self) -> None:
        """Return once all processes have come this far."""
        self.broadcast(True)
