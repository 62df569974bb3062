"""A film's results as a picture, one Secondary Capture: many PACS show nothing else."""

import numpy as np
import numpy.typing as npt
from highdicom.sc import SCImage
from PIL import Image, ImageDraw, ImageFont
from pydicom import Dataset

from jsl_core import __version__
from jsl_core.imaging.own_results import MANUFACTURER, SERIES
from jsl_core.pacs.findings import Film, KneeFinding, ModelIdentity
from jsl_core.pacs.uids import derive_uid

__all__ = ["DISCLAIMER", "draw_capture", "make_capture"]

DISCLAIMER = "Research use only, not for diagnosis"
_SERIES_NUMBER = 7502  # beside the report's
_LONG_SIDE = 1280  # pixels: an overview; the film itself is in the study
_WHITE, _YELLOW, _BLACK = (255, 255, 255), (255, 214, 64), (0, 0, 0)
_SIDES = {1: "Right knee", 2: "Left knee"}


def make_capture(film: Film, model: ModelIdentity) -> Dataset:
    """Make the Secondary Capture of a film; its UIDs follow from the film and the model."""
    header, study = film.header, str(film.header.StudyInstanceUID)
    source = str(header.SOPInstanceUID)
    capture = SCImage(
        draw_capture(film, model),
        photometric_interpretation="RGB",
        bits_allocated=8,
        coordinate_system="PATIENT",
        patient_orientation=("L", "F"),  # displayed conventionally
        study_instance_uid=study,
        series_instance_uid=derive_uid("capture series", study, model.digest),
        series_number=_SERIES_NUMBER,
        sop_instance_uid=derive_uid("capture", source, film.record.pixels, model.digest),
        instance_number=1,
        manufacturer=MANUFACTURER,
        manufacturer_model_name=model.name,
        software_versions=__version__,
        series_description=f"{SERIES}knee grades, pictures",
    )
    if not film.record.oriented:  # no tag says which way up it is: nor does this
        capture.PatientOrientation = []
    capture.ConversionType = "WSD"
    capture.BodyPartExamined = "KNEE"
    sides = {"RL"[knee.side - 1] for knee in film.knees}
    capture.ImageLaterality = sides.pop() if len(sides) == 1 else "B"
    capture.BurnedInAnnotation = "YES"
    capture.DerivationDescription = DISCLAIMER
    reference = Dataset()
    reference.ReferencedSOPClassUID, reference.ReferencedSOPInstanceUID = header.SOPClassUID, source
    capture.SourceImageSequence = [reference]
    for element in header:
        if element.keyword not in ("SOPClassUID", "SOPInstanceUID", "SeriesInstanceUID"):
            capture.add(element)
    return capture


def draw_capture(film: Film, model: ModelIdentity) -> npt.NDArray[np.uint8]:
    """Draw a film with its joints, grades and risks, uint8 H×W×3, RGB; text stands beside the film."""
    picture = Image.fromarray(film.picture).convert("RGB")
    scale = _LONG_SIDE / max(picture.size)
    picture = picture.resize((max(1, round(picture.width * scale)), max(1, round(picture.height * scale))))
    size = _LONG_SIDE // 50
    font, small = ImageFont.load_default(size), ImageFont.load_default(size * 3 // 4)
    columns = [_describe(knee, model.outcome) for knee in film.knees]
    lines = max((len(lines) for lines in columns), default=0)
    step = round(size * 1.4)
    top, bottom = 2 * step, (lines + 2) * step
    canvas = Image.new("RGB", (max(picture.width, _LONG_SIDE // 2), picture.height + top + bottom), _BLACK)
    left = (canvas.width - picture.width) // 2
    canvas.paste(picture, (left, top))
    draw = ImageDraw.Draw(canvas)
    draw.text((canvas.width // 2, top // 2), DISCLAIMER, _YELLOW, font, anchor="mm")
    for place, (knee, text) in enumerate(zip(film.knees, columns, strict=True)):
        if knee.box is not None:
            x1, y1, x2, y2 = (round(value * scale) for value in film.to_display(knee.box))
            box = (left + x1, top + y1, left + x2, top + y2)
            draw.rectangle(box, outline=_YELLOW, width=3)
            draw.text((box[0] + size // 3, box[1] + size // 4), "RL"[knee.side - 1], _YELLOW, font)
        x = place * canvas.width // max(len(columns), 1) + size
        for row, line in enumerate(text):
            y = top + picture.height + step // 2 + row * step
            draw.text((x, y), line, _WHITE if row else _YELLOW, font if not row else small)
    name = f"JSL {__version__}, {model.name} {model.digest[:8]}"
    draw.text((canvas.width // 2, canvas.height - step // 2), name, _WHITE, small, anchor="mm")
    return np.asarray(canvas)


def _describe(knee: KneeFinding, outcome: str) -> list[str]:
    """What the picture says of a knee, a line each; the first is its name."""
    grade = "" if knee.grade is None else f": KL {knee.grade}"
    lines = [f"{_SIDES[knee.side]}{grade}"]
    if knee.probabilities:
        shares = "  ".join(f"{grade}: {100 * share:.0f}" for grade, share in enumerate(knee.probabilities))
        lines.append(f"KL probabilities in %   {shares}")
    if knee.kl2_risk is not None:
        lines.append(f"KL 2 or above   {100 * knee.kl2_risk:.0f} %")
    if knee.risk is not None:
        low, high = knee.risk_interval or (None, None)
        interval = "" if low is None or high is None else f" ({100 * low:.0f} to {100 * high:.0f})"
        what = outcome[:1].upper() + outcome[1:] or "Joint space loss within 48 months"
        lines.append(f"{what}   {100 * knee.risk:.0f} %{interval}")
    if "mjsw_medial" in knee.widths:
        lines.append(f"Least medial joint space width   {knee.widths['mjsw_medial']:.2f} mm")
    if knee.is_strange:
        lines.append("Unlike what the model learned from: look at this one")
    return lines
