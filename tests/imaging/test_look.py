"""A film is believed only after a look: joints, sides and polarity as the picture shows them."""

import numpy as np
import pytest
from cases import Case, cases

from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.detection.look import look_at_film
from jsl_core.errors import BadScan
from jsl_core.imaging import KneeRecord, decode_png
from jsl_core.imaging.stages import read_film, split_scan

CASES = {f"{case.name}, film {index}": case for index in (0, 3) for case in cases(index)}
SOFT = 0.12  # of a joint's box at either side is flesh


def knees_of(case: Case) -> list[tuple[KneeRecord, np.ndarray]]:
    _, knees = split_scan(case.data, case.name, {}, ConvertSettings(), SplitSettings(), look_at_film)
    return [(knee, decode_png(png)) for knee, png in knees]


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if case.reason])
def test_what_cannot_be_believed_is_a_reason(name: str) -> None:
    with pytest.raises(BadScan) as caught:
        knees_of(CASES[name])
    assert caught.value.code == CASES[name].reason


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.reason])
def test_knees_come_out_under_their_own_side_and_no_joint_is_cut(name: str) -> None:
    case = CASES[name]
    knees = knees_of(case)
    assert [knee.side for knee, _ in knees] == sorted(case.joints)
    for knee, _ in knees:
        x1, _, x2, _ = case.joints[knee.side]
        soft = SOFT * (x2 - x1)
        assert knee.x1 <= max(x1 + soft, 0)
        assert knee.x2 >= x2 - soft
        assert not any(
            knee.x1 < (other[0] + other[2]) / 2 < knee.x2
            for side, other in case.joints.items()
            if side != knee.side
        )
        assert knee.side_from == case.side_from
        assert (knee.polarity_from == "picture") == (case.turned or not case.name.endswith(".dcm"))
        assert bool(knee.note) == case.noted


@pytest.mark.parametrize("name", [name for name, case in CASES.items() if not case.reason])
def test_bone_is_bright_and_the_joint_spans_the_grey_scale(name: str) -> None:
    case = CASES[name]
    _, image = read_film(case.data, case.name, {}, ConvertSettings(), look_at_film)
    for x1, y1, x2, y2 in case.joints.values():
        height, width = image.shape
        joint = image[int(max(y1, 0)) : int(min(y2, height)), int(max(x1, 0)) : int(min(x2, width))]
        low, high = np.percentile(joint, (5, 95))
        assert high - low > 0.25 * 255
        side = joint.shape[1]
        shaft = joint[: side // 5, 2 * side // 5 : 3 * side // 5]  # of the femur
        assert np.median(shaft) > np.median(joint)
    assert np.percentile(image, 99) > 200
