"""The coded concepts of a report: the standard's where it has them, and JSL's own, `99JSL`, elsewhere.

No vocabulary that pydicom knows has Kellgren-Lawrence grades, so their codes are private (PS3.16 8.2).
"""

from highdicom.coding_schemes import CodingSchemeIdentificationItem
from pydicom.sr.codedict import codes
from pydicom.sr.coding import Code

__all__ = [
    "ANATOMY",
    "GRADE",
    "GRADES",
    "KL2_RISK",
    "LATERALITY",
    "MILLIMETRE",
    "NO_UNIT",
    "PROCEDURE",
    "PROGRESSION",
    "PROGRESSION_HIGH",
    "PROGRESSION_LOW",
    "STRANGE",
    "UNUSUAL",
    "grade_probability",
    "scheme_of_own_codes",
    "width",
]

_SCHEME = "99JSL"

ANATOMY = codes.SCT.KneeJoint  # 49076000
LATERALITY = {1: codes.SCT.Right, 2: codes.SCT.Left}
PROCEDURE = codes.SCT.PlainRadiography  # 168537006
NO_UNIT = codes.UCUM.NoUnits
MILLIMETRE = codes.UCUM.Millimeter

GRADE = Code("KL", _SCHEME, "Kellgren-Lawrence grade")
GRADES = tuple(Code(f"KL{grade}", _SCHEME, f"Kellgren-Lawrence grade {grade}") for grade in range(5))
KL2_RISK = Code("KL2UP", _SCHEME, "Probability of Kellgren-Lawrence grade 2 or above")
PROGRESSION = Code("JSL48", _SCHEME, "Risk of medial joint space loss of 0.7 mm within 48 months")
PROGRESSION_LOW = Code("JSL48LOW", _SCHEME, "Risk of joint space loss, low end of 95 % interval")
PROGRESSION_HIGH = Code("JSL48HIGH", _SCHEME, "Risk of joint space loss, high end of 95 % interval")
OUTCOME = Code("OUTCOME", _SCHEME, "Risk of the outcome that the model's parameters name")
OUTCOME_LOW = Code("OUTCOMELOW", _SCHEME, "Risk of that outcome, low end of 95 % interval")
OUTCOME_HIGH = Code("OUTCOMEHIGH", _SCHEME, "Risk of that outcome, high end of 95 % interval")
STRANGE = Code("STRANGE", _SCHEME, "Distance from what the model learned from, usual up to 1")
UNUSUAL = Code("UNUSUAL", _SCHEME, "Unlike what the model learned from, to be looked at")


def grade_probability(grade: int) -> Code:
    """The name of the probability of a KL grade."""
    return Code(f"PKL{grade}", _SCHEME, f"Probability of Kellgren-Lawrence grade {grade}")


def width(name: str) -> Code:
    """The name of a joint space width that `jsl measure` calls `mjsw_medial` or `jsw_0250`, less its unit."""
    place, _, digits = name.partition("_")
    if place == "jsw":
        return Code(f"JSW{digits}", _SCHEME, f"Joint space width at x = {int(digits) / 1000:.3g}")
    return Code(f"MJSW{digits[:3].upper()}", _SCHEME, f"Minimum {digits} joint space width")


def scheme_of_own_codes() -> CodingSchemeIdentificationItem:
    """What `99JSL` is (PS3.3 C.12.1.1.4)."""
    return CodingSchemeIdentificationItem(_SCHEME, name="Codes of JSL", responsible_organization="JSL")
