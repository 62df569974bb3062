"""OARSI features as co-targets: a head that learns them beside the grade, and is dropped when it has.

What the features say of a knee (where it narrows, where osteophytes grow) the grade does not: a network that
must tell both attends to both (Caruana, Machine Learning 28 (1997) 41).
"""

import torch
from torch import nn
from torch.nn import functional

from jsl_core.cohort.columns import OARSI
from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadTable
from jsl_core.learning.model.networks import FEATURE_HEAD, KneeNetwork

__all__ = ["add_feature_head", "feature_grades", "feature_loss", "remove_feature_head"]

_GRADES = 4  # of a feature, 0 to 3


def feature_grades(packed: PackedDataset, device: torch.device) -> torch.Tensor:
    """The features of all knees, long N×10 in the order of `OARSI`, -1 where missing.

    A narrowing between two grades, such as 1.4, is the lower one.

    Raises:
        BadTable: The training part has none.
    """
    table = packed.table.reindex(columns=list(OARSI))
    if table[packed.table["split"] == "train"].isna().to_numpy().all():
        raise BadTable(
            "oarsi_weight: no training knee has OARSI features; make the table with jsl oai --visits, or set "
            "it to 0"
        )
    return torch.tensor(table.fillna(-1).to_numpy()).floor().long().to(device)


def add_feature_head(network: KneeNetwork, seed: int) -> None:
    """Add the head for the time of a training; the other weights are as they would be without it."""
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        network.heads[FEATURE_HEAD] = nn.Linear(network.image_features, _GRADES * len(OARSI))


def remove_feature_head(network: KneeNetwork) -> None:
    """Remove the head, if there is one."""
    if FEATURE_HEAD in network.heads:
        del network.heads[FEATURE_HEAD]


def feature_loss(logits: torch.Tensor, grades: torch.Tensor) -> torch.Tensor:
    """Mean cross-entropy of the features that were read; others do not count.

    Args:
        logits: B×40, of each feature its four grades.
        grades: Long B×10, -1 where missing.
    """
    if not (grades >= 0).any():
        return logits.sum() * 0
    return functional.cross_entropy(logits.view(-1, _GRADES), grades.view(-1), ignore_index=-1)
