"""How readers grade a phantom knee: OARSI features, and the KL grade of a knee that has worn since."""

import numpy as np

from jsl_core.phantom.anatomy import KneeAnatomy, grade

__all__ = ["FEATURES", "grade_later", "oarsi_features"]

FEATURES = (  # narrowing; osteophytes and sclerosis of femur and tibia, medial and lateral
    *("JSN_medial", "JSN_lateral", "OST_FM", "OST_FL", "OST_TM", "OST_TL"),
    *("SCL_FM", "SCL_FL", "SCL_TM", "SCL_TL"),
)

# Widths of healthy compartments, medial and lateral, of men and women, in mm: those of `draw_anatomy`.
_HEALTHY = {1: (4.9, 6.0), 2: (4.3, 5.4)}
# Where OARSI grades 1, 2 and 3 begin (Altman and Gold's atlas, 2007, shows them; the numbers are ours).
_NARROWED = (0.2, 0.45, 0.75)  # share of the compartment's width that is lost
_GROWN = (1.0, 2.5, 4.5)  # osteophyte, mm
_HARDENED = (0.15, 0.35, 0.6)  # sclerosis, 0 to 1
_DEFINITE = 0.27  # a share lost that is not yet definite narrowing, see `grade`


def oarsi_features(knee: KneeAnatomy) -> dict[str, int]:
    """The features of `FEATURES` by the OARSI atlas, each 0 to 3."""
    medial, lateral = _HEALTHY[knee.sex]
    lost = (1 - knee.mjsw_medial / medial, 1 - knee.mjsw_lateral / lateral)
    hardness = (knee.sclerosis_medial, knee.sclerosis_lateral) * 2  # of femur and tibia alike
    amounts = [(share, _NARROWED) for share in lost]
    amounts += [(size, _GROWN) for size in knee.osteophytes]
    amounts += [(share, _HARDENED) for share in hardness]
    grades = (int(np.searchsorted(starts, amount, side="right")) for amount, starts in amounts)
    return dict(zip(FEATURES, grades, strict=True))


def grade_later(first: KneeAnatomy, worn: KneeAnatomy) -> int:
    """The KL grade of a knee that was `first` and is `worn` now, never below the first."""
    lost = []
    for then, now, healthy in (
        (first.mjsw_medial, worn.mjsw_medial, _HEALTHY[first.sex][0]),
        (first.mjsw_lateral, worn.mjsw_lateral, _HEALTHY[first.sex][1]),
    ):
        before = 1 - then / healthy if first.kl >= 3 else min(1 - then / healthy, _DEFINITE)
        lost.append(1 - (1 - before) * min(now / then, 1.0) if then else before)
    read = grade(
        np.array([max(worn.osteophytes)]),
        np.array([max(lost)]),
        np.array([min(worn.mjsw_medial, worn.mjsw_lateral)]),
    )
    return max(first.kl, int(read[0]))
