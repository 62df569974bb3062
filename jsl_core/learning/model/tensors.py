"""A packed dataset on the device that trains: images, labels and encoded risk factors."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch

from jsl_core.cohort.columns import EVENT, EVENT_MONTHS, GRADE, PROGRESSION
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.dataset import PackedDataset

__all__ = ["DeviceData", "to_float"]


@dataclass(frozen=True)
class DeviceData:
    """Row i of each tensor is row i of the dataset's table.

    Attributes:
        images: Crops as on the film, uint8 N×1×S×S.
        mirrored: Which of them the network gets mirrored, bool N.
        factors: Encoded risk factors, float N×F; None for none.
        grades: KL grades 0…4, long N, -1 where missing.
        progressed: Outcomes 0 or 1, float N, -1 where missing.
        months: From the film to the event or the end of follow-up, float N, -1 where missing.
        event: 0 none, 1 replaced, 2 died before, float N, -1 where missing.
    """

    images: torch.Tensor
    mirrored: torch.Tensor
    factors: torch.Tensor | None
    grades: torch.Tensor
    progressed: torch.Tensor
    months: torch.Tensor
    event: torch.Tensor

    @classmethod
    def of(
        cls, dataset: PackedDataset, encoder: FactorEncoder | None, mirror_left: bool, device: torch.device
    ) -> "DeviceData":
        """A packed dataset on a device, with the factors that `encoder` encodes and left knees mirrored."""
        table = dataset.table
        left = dataset.left if mirror_left else np.zeros(len(table), bool)
        return cls(
            images=torch.from_numpy(np.asarray(dataset.images)).unsqueeze(1).to(device),
            mirrored=torch.from_numpy(left).to(device),
            factors=torch.from_numpy(encoder.transform(table)).to(device) if encoder else None,
            grades=torch.tensor(table[GRADE].fillna(-1).to_numpy(np.int64)).to(device),
            progressed=_float_column(table, PROGRESSION, device),
            months=_float_column(table, EVENT_MONTHS, device),
            event=_float_column(table, EVENT, device),
        )

    def pixels(self, rows: torch.Tensor) -> torch.Tensor:
        """Float B×1×S×S in 0…1, mirrored, not augmented, channels last, as convolutions are fastest."""
        pixels = to_float(self.images[rows], self.mirrored[rows])
        return pixels.contiguous(memory_format=torch.channels_last)

    def factors_of(self, rows: torch.Tensor) -> torch.Tensor | None:
        """Encoded risk factors of B rows, float B×F; None for none."""
        return None if self.factors is None else self.factors[rows]


def _float_column(table: pd.DataFrame, column: str, device: torch.device) -> torch.Tensor:
    """A column of labels, -1 where missing, as all are where the table has no such column."""
    values = table[column].fillna(-1) if column in table else pd.Series(-1.0, table.index)
    return torch.tensor(values.to_numpy(np.float32)).to(device)


def to_float(images: torch.Tensor, mirrored: torch.Tensor) -> torch.Tensor:
    """Uint8 B×1×S×S to float in [0, 1], with the images of `mirrored` (bool B) flipped left-right."""
    pixels = images.float() / 255
    return torch.where(mirrored[:, None, None, None], pixels.flip(-1), pixels)
