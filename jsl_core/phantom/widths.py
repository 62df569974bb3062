"""The true joint margins of a phantom knee, and the true widths between them.

The frame is the readers' own: x runs along the tangent to the distal edges of both condyles, 0 and 1 at their
medial and lateral peripheral tangents. JSW(x) runs square to it from the femoral to the tibial margin, which
is the floor of the plateau, not a rim that stands before it (Duryea et al., Osteoarthritis Cartilage 2010,
18:174).
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from jsl_core.phantom import shapes
from jsl_core.phantom.anatomy import KneeAnatomy
from jsl_core.phantom.layout import Layout
from jsl_core.phantom.position import KneePosition
from jsl_core.phantom.shapes import Points
from jsl_core.phantom.surfaces import femoral_surface, tibial_surface
from jsl_core.phantom.variation import Variation

__all__ = ["JSW_PLACES", "Margins", "knee_margins", "margins_in_pixels", "measure_widths"]

# Where OAI's readers measure JSW(x): V00JSW150 … V00JSW300 medially, V00LJSW700 … V00LJSW900 laterally.
JSW_PLACES = (
    0.15,
    0.175,
    0.2,
    0.225,
    0.25,
    0.275,
    0.3,
    0.7,
    0.725,
    0.75,
    0.775,
    0.8,
    0.825,
    0.85,
    0.875,
    0.9,
)

_MEDIAL, _LATERAL = (0.08, 0.31), (0.69, 0.92)  # of the axis: where the least width is looked for
_POINTS = 401  # of each margin: a fifth of a millimetre apart


@dataclass(frozen=True)
class Margins:
    """Femoral and tibial margin as polylines N×2 (x, y), from the medial to the lateral side.

    `x0`, `x1` are the ends of the readers' axis: the tangent to both condyles, at their peripheral tangents.
    """

    femur: Points
    tibia: Points
    x0: NDArray[np.float64]
    x1: NDArray[np.float64]


def knee_margins(knee: KneeAnatomy, variation: Variation) -> Margins:
    """The margins in knee mm (x lateral, y towards the foot)."""
    half = knee.plateau / 2
    u = variation.condyle_width * np.linspace(-1.0, 0.99, _POINTS)
    femur = np.stack([half * u, femoral_surface(knee, variation, u)], axis=1)
    u = np.linspace(-1.0, 1.0, _POINTS)
    tibia = np.stack([half * u, tibial_surface(knee, variation, u)], axis=1)
    outline = shapes.femur(replace(knee, osteophytes=(0.0, 0.0, 0.0, 0.0)), variation)
    condyles = outline[np.abs(outline[:, 1]) < 0.5 * half]  # the peripheral tangents touch the condyles alone
    lowest = [_lowest(femur, side) for side in (-1, 1)]
    along = lowest[1] - lowest[0]
    along = along / np.hypot(*along)
    ends = (condyles - lowest[0]) @ along
    return Margins(femur, tibia, lowest[0] + ends.min() * along, lowest[0] + ends.max() * along)


def measure_widths(margins: Margins) -> dict[str, float]:
    """Least medial and lateral width and JSW(x), in the margins' unit, named as `mjsw_medial`, `jsw_0250`.

    The least widths are the smallest over the weight-bearing part of each compartment.
    """
    axis = margins.x1 - margins.x0
    length = float(np.hypot(*axis))
    along, across = axis / length, np.array([-axis[1], axis[0]]) / length
    if across @ (margins.tibia.mean(0) - margins.femur.mean(0)) < 0:
        across = -across

    def gap(x: NDArray[np.float64]) -> NDArray[np.float64]:
        heights = []
        for line in (margins.femur, margins.tibia):
            place, height = (line - margins.x0) @ along / length, (line - margins.x0) @ across
            order = np.argsort(place, kind="stable")
            heights.append(np.interp(x, place[order], height[order]))
        return heights[1] - heights[0]

    medial, lateral = (gap(np.linspace(*ends, 231)) for ends in (_MEDIAL, _LATERAL))
    widths = {"mjsw_medial": float(medial.min()), "mjsw_lateral": float(lateral.min())}
    return widths | {f"jsw_{round(1000 * x):04d}": float(gap(np.array([x]))[0]) for x in JSW_PLACES}


def margins_in_pixels(layout: Layout, index: int) -> Margins:
    """The margins of knee `index` of a film, in pixels (x, y) of the picture as shown.

    Pixel centres are at whole numbers. A flipped film's stored x is `width - 1 - x`.

    Args:
        layout: Of the film, by `plan_film`.
        index: Of the knee in `layout.knees`.
    """
    knee, variation = layout.knees[index], layout.variations[index]
    position = KneePosition(knee.side, layout.centres[index], layout.tilts[index], layout.spacing)
    margins = knee_margins(knee, variation)

    def to_pixels(points: Points) -> Points:
        return position.to_pixels(shapes.bend_shafts(points, knee))

    ends = to_pixels(np.stack([margins.x0, margins.x1]))
    return Margins(to_pixels(margins.femur), to_pixels(margins.tibia), ends[0], ends[1])


def _lowest(femur: Points, side: int) -> NDArray[np.float64]:
    """The point where the tangent to both condyles touches one side's."""
    half = femur[:, 0] * side > 0
    other = femur[femur[:, 0] * side < 0]
    mine = femur[half]
    slope = (mine[:, 1].max() - other[:, 1].max()) / (
        mine[mine[:, 1].argmax(), 0] - other[other[:, 1].argmax(), 0]
    )
    return np.asarray(mine[(mine[:, 1] - slope * mine[:, 0]).argmax()])
