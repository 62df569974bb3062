"""Sides are read as clinics write them, a contradiction is a reason, and what tells nothing stays silent."""

import pytest
from films import dicom, legs, stored

from jsl_core.errors import BadScan
from jsl_core.imaging.side_words import sides_in_words
from jsl_core.imaging.tags import laterality_of

FILM = stored(legs(60, 80), 12)

RIGHT = """
    Right knee AP|RT KNEE|Knee Rt.|RKNEE|KNEE_R|KneeRight|RightKnee|R KNEE 2 VIEWS|Knie re.|Knie a.p. re
    |KNIE RECHTS|Rechtes Kniegelenk|Kniegelenk re. a.p.|Röntgen rechtes Knie|Rechterknie
    |rechter knie staand|Knie r.|Genou D|Genou droit face|GENOU DT|genou drte|Genou D. de face
    |ginocchio dx|GINOCCHIO DESTRO|RX ginocchio D|Ginocchio dx in carico|rodilla derecha|RODILLA DCHA
    |Rodilla der.|RX RODILLA D AP|rodilla dcha sin carga|joelho direito|JOELHO D|Joelho dir.|Knä dx
    |höger knä
"""
LEFT = """
    Left knee AP|LT KNEE|LKNEE|KNEE LT|Knee, L|KneeLeft|LeftKnee|KNEE_L_PA|Knie li.|Knie li|KNIE LINKS
    |Linkes Kniegelenk|linker knie|Linkerknie|Knie l.|Genou G|Genou gauche|GENOU G FACE|genou gche
    |ginocchio sx|GINOCCHIO SINISTRO|Ginocchio sin.|ginocchio S|rodilla izquierda|RODILLA IZQ
    |Rodilla izda|RX RODILLA I|joelho esquerdo|JOELHO ESQ|RX JOELHO E|joelho esq. AP|knä sin|vänster knä
"""
BOTH = """
    Bilateral PA Fixed Flexion Knee|Knees|BILAT KNEES|Both knees standing|Knie beidseits|Knie bds.
    |Knie bds a.p.|Knie re. + li.|beide Knie|beide knieën|Knie beiderzijds|Knie R/L|re/li|R+L KNEE|Genoux
    |Genoux face|Genou D/G|genou bilatéral|ginocchia|ginocchio dx/sx|entrambe le ginocchia|ambas rodillas
    |rodillas AP|RODILLA D/I|joelhos|joelho D e E|ambos os joelhos|KNEE BIL|Right and left knee
"""
SILENT = """
    |Knee|KNEE AP|DX KNEE|DX Knee AP standing|Knie in beiden Ebenen|Knie a.p. der Patientin|both views
    |Knee re-take|RE: knee pain|genou de l'enfant|RX d'un genou|Rodilla sin carga|rodilla en carga
    |joelho AP e perfil|ginocchio in carico|L5|Knee L1|Rosenberg|Knee 2 views|Sx: knee pain|kneeling view
    |PA flexion|genou face et profil
"""


def texts(block: str) -> list[str]:
    return [" ".join(text.split()) for text in block.split("|")]


@pytest.mark.parametrize(
    ("block", "sides"),
    [(RIGHT, {"R"}), (LEFT, {"L"}), (BOTH, {"B"}), (SILENT, set())],
    ids=["R", "L", "B", "-"],
)
def test_side_words_of_seven_languages(block: str, sides: set[str]) -> None:
    found = {text: sides_in_words(text) for text in texts(block)}
    assert {text: named for text, named in found.items() if named != sides} == {}


@pytest.mark.parametrize(
    ("tags", "laterality"),
    [
        ({"StudyDescription": "Knie rechts a.p."}, "R"),
        ({"StudyDescription": "XR KNEE LEFT", "SeriesDescription": "AP"}, "L"),
        ({"BodyPartExamined": "LKNEE"}, "L"),
        ({"BodyPartExamined": "RIGHT KNEE"}, "R"),
        ({"ViewPosition": "AP RIGHT"}, "R"),
        ({"ProtocolName": "Genou", "SeriesDescription": "face D"}, "R"),
        ({"ImageLaterality": "r"}, "R"),
        ({"ImageLaterality": "Left"}, "L"),
        ({"Laterality": "links"}, "L"),
        ({"Laterality": "B"}, "B"),
        ({"ImageLaterality": "U"}, ""),
        (
            {"ImageLaterality": "L", "SeriesDescription": "Bilateral knees"},
            "L",
        ),  # one film of a series of two
        ({"StudyDescription": "Knie beidseits", "SeriesDescription": "Knie li."}, "L"),
        (
            {"StudyDescription": "XR KNEE LEFT", "SeriesDescription": "Bilateral PA"},
            "B",
        ),  # ordered, and shown
        (
            {"Laterality": "L", "SeriesDescription": "Bilateral PA Fixed Flexion Knee"},
            "",
        ),  # the picture tells
        ({"Laterality": "R", "ProtocolName": "Knie bds."}, ""),
    ],
    ids=str,
)
def test_what_is_said_of_the_film_goes_before_what_was_ordered(tags: dict[str, str], laterality: str) -> None:
    assert laterality_of(dicom(FILM, bits=12, **tags)) == laterality


@pytest.mark.parametrize(
    "tags",
    [
        {"ImageLaterality": "R", "SeriesDescription": "Knie li."},
        {"Laterality": "L", "StudyDescription": "Genou D"},
        {"BodyPartExamined": "RKNEE", "ProtocolName": "ginocchio sx"},
        {"SeriesDescription": "rodilla dcha", "StudyDescription": "RX RODILLA IZQ"},
    ],
    ids=str,
)
def test_right_in_one_place_and_left_in_another_is_a_contradiction(tags: dict[str, str]) -> None:
    with pytest.raises(BadScan, match="right knee in one place and the left in another") as caught:
        laterality_of(dicom(FILM, bits=12, **tags))
    assert caught.value.code == "unknown_side"
