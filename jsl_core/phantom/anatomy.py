"""Invented participants: age, sex and other factors, and the anatomy of their knees.

A severity shared by a participant's two knees, and a part of each knee's own, wear the joint, grow
osteophytes, harden bone and bend the leg, each with a spread of its own; the KL grade is read off the result,
as a reader reads it off a film (see `grade`). The ratio of medial to lateral tibial bone density and the
texture beneath the medial plateau vary beside it; both are known to precede medial narrowing (Lo et al.,
Osteoarthritis Cartilage 2006, 14:984; Kraus et al., Arthritis Rheum 2009, 60:3711).
"""

from dataclasses import dataclass, fields
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "FIRST_PARTICIPANT",
    "KL_MIX",
    "Anatomy",
    "KneeAnatomy",
    "Purpose",
    "draw_anatomy",
    "grade",
    "make_generator",
]

Array = NDArray[np.float64]
Purpose = Literal[
    "anatomy", "layout", "texture", "encoding", "outcome", "defect", "shape", "visit", "replacement"
]

FIRST_PARTICIPANT = 1_000_001  # the number of participant 0
KL_MIX = np.array([2286, 1046, 1516, 757, 173]) / 5778  # grades 0-4 of knee_kl224's training part
_RACES = np.array([0.02, 0.79, 0.175, 0.015])  # other, white, black, Asian: near the OAI's
# By a knee's own standing in the population (in spreads from its mean): loss of joint space in the worse
# compartment and size of a typical osteophyte, in mm; sclerosis, 0-1.
_STANDING = np.array([-3.0, -0.5, 0.0, 0.5, 1.0, 1.5, 2.0, 2.5, 3.2])
_LOSS = np.array([-0.3, 0.0, 0.15, 0.45, 1.35, 2.5, 4.3, 5.8, 7.0])
_OSTEOPHYTE = np.array([0.0, 0.46, 1.1, 2.05, 2.85, 3.5, 4.1, 4.7, 5.2])
_SCLEROSIS = np.array([0.0, 0.06, 0.1, 0.16, 0.27, 0.42, 0.6, 0.75, 0.9])
# What a reader sees as each grade (see `grade`): osteophytes and widths in mm, lost joint space as a share.
_DOUBTFUL, _DEFINITE = 1.0, 2.0
_NARROWED, _BONE_ON_BONE = 0.275, 0.9


@dataclass(frozen=True)
class KneeAnatomy:
    """One knee as the film shows it, and its participant. Lengths in mm, angles in degrees; side 1 is right.

    Osteophytes are (femur medial, femur lateral, tibia medial, tibia lateral).
    """

    side: int
    kl: int
    mjsw_medial: float
    mjsw_lateral: float
    osteophytes: tuple[float, float, float, float]
    sclerosis_medial: float
    sclerosis_lateral: float
    density_ratio: float
    texture: float
    spines: float
    alignment: float
    plateau: float
    age: int
    sex: int
    race: int
    bmi: float
    injury: int


@dataclass(frozen=True)
class Anatomy:
    """Knees of n participants as arrays n×2 (right, left); osteophytes n×2×4; see `KneeAnatomy` for units."""

    kl: NDArray[np.int64]
    mjsw_medial: Array
    mjsw_lateral: Array
    osteophytes: Array
    sclerosis_medial: Array
    sclerosis_lateral: Array
    density_ratio: Array
    texture: Array
    spines: Array
    alignment: Array
    plateau: Array
    age: NDArray[np.int64]
    sex: NDArray[np.int64]
    race: NDArray[np.int64]
    bmi: Array
    injury: NDArray[np.int64]

    def knee(self, participant: int, side: int) -> KneeAnatomy:
        """The knee of one side (1 right, 2 left) of participant 0…n - 1."""
        values = {f.name: getattr(self, f.name)[participant, side - 1].tolist() for f in fields(self)}
        return KneeAnatomy(side=side, **(values | {"osteophytes": tuple(values["osteophytes"])}))


def make_generator(seed: int, index: int, purpose: Purpose, month: int = 0) -> np.random.Generator:
    """Make the generator of one purpose of one participant's visit, so that no draw changes another's."""
    visit = [month] if month else []
    return np.random.default_rng([seed, index, get_args(Purpose).index(purpose), *visit])


def draw_anatomy(rng: np.random.Generator, n: int = 1) -> Anatomy:
    """Draw n participants with two knees each."""

    def spread(*shape: int) -> Array:
        return rng.standard_normal(shape or (n, 2))

    shared, own = spread(n, 1), spread()
    severity = np.sqrt(0.72) * shared + np.sqrt(0.28) * own
    both = np.ones((n, 2), dtype=np.int64)

    sex = both * (1 + (rng.random((n, 1)) < 0.58))
    race = both * rng.choice(4, (n, 1), p=_RACES)
    age = both * np.clip(61 + 9 * (0.2 * shared + 0.98 * spread(n, 1)), 45, 79).round().astype(np.int64)
    bmi = both * np.clip(28.8 + 4.8 * (0.25 * shared + 0.97 * spread(n, 1)), 17, 48).round(1)
    injury = (rng.random((n, 2)) < 1 / (1 + np.exp(0.95 - 0.3 * own))).astype(np.int64)
    plateau = both * np.where(sex == 1, 81.0, 72.5) * np.exp(0.045 * spread(n, 1)) + 0.5 * spread()

    def standing(share: float) -> Array:
        """A feature's standing, of which severity decides `share` of the variance."""
        return np.sqrt(share) * severity + np.sqrt(1 - share) * spread()

    medial = rng.random((n, 2)) < 0.78  # whether the medial compartment is the worse one
    loss = np.interp(standing(0.85), _STANDING, _LOSS)
    minor = np.clip(0.2 * loss, 0, 0.6)
    healthy_medial = np.where(sex == 1, 4.9, 4.3) + 0.45 * spread(n, 1) + 0.4 * spread()
    healthy_lateral = np.where(sex == 1, 6.0, 5.4) + 0.55 * spread(n, 1) + 0.5 * spread()
    bone_on_bone = rng.uniform(0.0, 0.85, (n, 2))

    def remaining(healthy: Array, worse: NDArray[np.bool_]) -> Array:
        return np.maximum(healthy - np.where(worse, loss, minor), bone_on_bone)

    mjsw_medial, mjsw_lateral = remaining(healthy_medial, medial), remaining(healthy_lateral, ~medial)
    medial_loss = np.where(medial, loss, -loss)
    growth = np.interp(standing(0.85), _STANDING, _OSTEOPHYTE)[..., None] * rng.gamma(8.0, 1 / 8.0, (n, 2, 4))
    growth[..., [0, 2]] *= np.where(medial, 1.15, 0.75)[..., None]
    growth[..., [1, 3]] *= np.where(medial, 0.75, 1.15)[..., None]
    osteophytes = np.minimum(growth, 7.0)

    hardness = np.interp(standing(0.7), _STANDING, _SCLEROSIS)

    def hardening(worse: NDArray[np.bool_]) -> Array:
        return np.clip(hardness * np.where(worse, 1.0, 0.25) + 0.05 * spread(), 0, 1)

    lost = np.where(medial, 1 - mjsw_medial / healthy_medial, 1 - mjsw_lateral / healthy_lateral)
    narrowest = np.minimum(mjsw_medial, mjsw_lateral)
    return Anatomy(
        kl=grade(osteophytes.max(-1), lost, narrowest),
        mjsw_medial=mjsw_medial,
        mjsw_lateral=mjsw_lateral,
        osteophytes=osteophytes,
        sclerosis_medial=hardening(medial),
        sclerosis_lateral=hardening(~medial),
        density_ratio=np.clip(1.0 + 0.16 * (0.5 * spread(n, 1) + 0.866 * spread()), 0.55, 1.45),
        texture=0.6 * spread(n, 1) + 0.8 * spread(),
        spines=np.clip(0.85 + 0.1 * severity + 0.2 * spread(), 0.4, 1.7),
        alignment=(-4.8 + 0.45 * medial_loss + 0.8 * spread(n, 1) + 1.6 * spread()).round(1),
        plateau=plateau,
        age=age,
        sex=sex,
        race=race,
        bmi=bmi,
        injury=injury,
    )


def grade(largest: Array, lost: Array, narrowest: Array) -> NDArray[np.int64]:
    """Read KL grades off the anatomy (Kellgren and Lawrence 1957; Altman and Gold's atlas, 2007).

    Doubtful osteophytes make grade 1, definite ones 2; with definite narrowing 3; bone on bone is 4. What
    counts as doubtful and definite is set so that the grades come in the real cohort's shares.

    Args:
        largest: The largest osteophyte, mm.
        lost: Share of the worse compartment's joint space that is lost.
        narrowest: Width of the narrower compartment, mm.

    Returns:
        Grades 0-4, of the arguments' shape.
    """
    kl = np.where(largest >= _DOUBTFUL, 1, 0)
    kl[largest >= _DEFINITE] = 2
    kl[(lost >= _NARROWED) & (largest >= _DOUBTFUL)] = 3
    kl[narrowest < _BONE_ON_BONE] = 4
    return kl
