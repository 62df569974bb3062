"""Losses of times to an event; knees without a time do not count, and one that died is lost from then on."""

import torch
from torch.nn import functional

__all__ = ["cox_loss", "discrete_loss"]


def cox_loss(scores: torch.Tensor, months: torch.Tensor, event: torch.Tensor) -> torch.Tensor:
    """Mean over the events of the negative log partial likelihood, 0 where all scores are equal.

    Those at risk at an event are the knees given whose time is no earlier (Breslow's way with ties): of a
    batch, its own (Kvamme, Borgan and Scheel, JMLR 20 (2019) 129). The logarithm of their number is taken
    off, so that losses of batches and of whole parts are of one scale.

    Args:
        scores: Log hazards, B×1.
        months: From the film to the event or the end of follow-up, float B, -1 where missing.
        event: 1 where it happened, float B.
    """
    known = months >= 0
    happened = event[known] == 1
    if not happened.any():
        return scores.sum() * 0
    order = torch.argsort(months[known], descending=True, stable=True)
    times, log_hazards = months[known][order], scores[known, 0][order]
    log_sums = torch.logcumsumexp(log_hazards, dim=0)
    at_risk = torch.searchsorted(-times, -times, right=True)  # how many there are, of each
    losses = log_sums[at_risk - 1] - torch.log(at_risk.to(log_sums.dtype)) - log_hazards
    return losses[happened[order]].mean()


def discrete_loss(
    logits: torch.Tensor, months: torch.Tensor, event: torch.Tensor, ends: torch.Tensor
) -> torch.Tensor:
    """Mean over the knees of the negative log likelihood of the intervals that each lived through.

    The logits are log odds of the event in each interval, of those who reach it (Brown, Biometrics 31 (1975)
    863). An interval in which a knee was lost counts where it was followed for half of it.

    Args:
        logits: B×K.
        months: From the film to the event or the end of follow-up, float B, -1 where missing.
        event: 1 where it happened, float B.
        ends: Of the K intervals, in months; what comes after the last has not been seen.
    """
    known = months >= 0
    if not known.any():
        return logits.sum() * 0
    times = months[known, None]
    starts = functional.pad(ends[:-1], (1, 0))
    target = ((event[known, None] == 1) & (times > starts) & (times <= ends)).to(logits.dtype)
    counted = (times >= (starts + ends) / 2) | (target == 1)
    after = (event[known, None] == 1) & (times <= starts)
    losses = functional.binary_cross_entropy_with_logits(logits[known], target, reduction="none")
    return (losses * (counted & ~after)).sum(dim=1).mean()
