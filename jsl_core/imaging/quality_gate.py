"""The quality gate: why a scan cannot become knees, by short code and sentence."""

import re

import numpy as np
import numpy.typing as npt
from pydicom import Dataset

from jsl_core.config import ConvertSettings
from jsl_core.errors import BadScan
from jsl_core.imaging.radiograph import Radiograph, quantiles
from jsl_core.imaging.tags import number, orientation_of, spacing_of, text, texts

__all__ = ["check_header", "check_picture", "is_clipped", "view_of"]

_RADIOGRAPHS = {"CR", "DX", "RG", "RF", "DR", "XR", "RX"}
_PHOTOGRAPHS = {"OT", "XC", "SC", ""}  # secondary captures and photographs of films
_OTHER_PARTS = re.compile(
    r"\b(chest|thorax|hand|wrist|elbow|shoulder|skull|head|spine|[clt]spine|abdomen|pelvis|hips?|ankles?|foot|feet|"
    r"breast|jaw|humerus|forearm|clavicle|rib|ribs|finger|toe|heel)\b"
)
_OTHER_VIEWS = re.compile(
    r"\b(lateral|laterale|lat|seitlich\w*|profil|skyline|sunrise|merchant|axiale?|patella|tangential|oblique)\b"
)
_WHOLE_LEGS = re.compile(
    r"\b(full ?limbs?|full ?legs?|long ?legs?|whole ?legs?|hip to ankle|hip knee ankle|hka|scanogram|"
    r"orthoroentgenogram)\b"
)
_FRONTAL = re.compile(r"\b(pa|ap|p a|a p|frontal|fixed flexion|bilateral pa|rosenberg|schuss|lyon)\b")
_TALL = 1.9  # height over width of stitched hip-to-ankle films, and of some narrow films of one knee
_CASSETTE_MM = 500  # beyond the longest cassette for one exposure, 43 cm
_LOW_CONTRAST = 8  # stored values between the 1st and 99th percentile
_BURNT, _BLACK = 0.5, 0.97  # shares of the middle of the film that are fully white, fully black


def check_header(ds: Dataset, settings: ConvertSettings) -> None:
    """Reject a scan by what its header alone decides, before anything is decoded.

    Raises:
        BadScan: With the reason's code and sentence.
    """
    if "PixelData" not in ds:
        raise BadScan("no_pixels", "the file has a header but no picture")
    rows, columns = number(ds, "Rows", 0), number(ds, "Columns", 0)
    frames, samples = number(ds, "NumberOfFrames", 1), number(ds, "SamplesPerPixel", 1)
    if rows < 1 or columns < 1:
        raise BadScan("no_pixels", "the header states no height and width")
    if frames > 1:
        raise BadScan("wrong_modality", f"the file is a series of {frames:.0f} pictures; a radiograph is one")
    if number(ds, "BitsAllocated", 0) not in (8, 16) or samples not in (0, 1, 3):
        raise BadScan("undecodable", "the pixels have another number of bits or colours than a film's")
    modality = text(ds, "Modality").upper()
    if modality not in _RADIOGRAPHS | _PHOTOGRAPHS:
        raise BadScan("wrong_modality", "the header names no radiograph (CR, DX or RG) as modality")
    if rows * columns * samples > settings.max_megapixels * 1e6:
        limit = settings.max_megapixels
        raise BadScan(
            "too_large", f"{columns:.0f}x{rows:.0f} px is above {limit} megapixels; raise max_megapixels"
        )
    if min(rows, columns) < settings.min_side:
        raise BadScan(
            "too_small", f"{columns:.0f}x{rows:.0f} px; a side has fewer than {settings.min_side} px"
        )
    if not settings.any_view:
        _check_view(ds)


def _check_view(ds: Dataset) -> None:
    words = " ".join(_words(ds, k) for k in ("SeriesDescription", "ProtocolName", "ViewCodeSequence"))
    part = _words(ds, "BodyPartExamined") or words
    if _OTHER_PARTS.search(part) and "knee" not in part and not _WHOLE_LEGS.search(part):
        raise BadScan("wrong_view", "the header names another part of the body than the knee; see --any-view")
    orientation = orientation_of(ds)
    if "A" in orientation or "P" in orientation:
        raise BadScan("wrong_view", "by PatientOrientation the film is a lateral one; see --any-view")
    if orientation[:1] in ("H", "F"):
        raise BadScan("wrong_view", "by PatientOrientation the film lies on its side; turn it upright")
    position = text(ds, "ViewPosition").upper()
    if position in ("LL", "RL", "LLD", "RLD", "LLO", "RLO", "LATERAL", "LAT", "TAN", "AXIAL"):
        raise BadScan("wrong_view", "the header names a view that is not frontal; see --any-view")
    if _OTHER_VIEWS.search(words) and not _FRONTAL.search(words) and position not in ("AP", "PA"):
        raise BadScan("wrong_view", "the header names a view that is not frontal; see --any-view")
    if _WHOLE_LEGS.search(words) or _is_tall(ds):
        raise BadScan("wrong_view", "the film shows the legs from hip to ankle; see --any-view")


def _is_tall(ds: Dataset) -> bool:
    rows, spacing = number(ds, "Rows"), spacing_of(ds)[0]
    return rows / number(ds, "Columns") > _TALL and (spacing is None or rows * spacing[0] > _CASSETTE_MM)


def view_of(ds: Dataset) -> str:
    """PA or AP where the header says so, else blank."""
    position = text(ds, "ViewPosition").upper()
    if position in ("AP", "PA"):
        return position
    words = _words(ds, "SeriesDescription").split()
    return next((word.upper() for word in words if word in ("ap", "pa")), "")


def check_picture(radiograph: Radiograph, rendered: npt.NDArray) -> None:
    """Reject a film by its picture.

    Args:
        radiograph: The film before display.
        rendered: Its picture, HxW uint8 or uint16.

    Raises:
        BadScan: `empty` or `clipped`.
    """
    low, high = quantiles(radiograph.values, radiograph.counts, 0.01, 0.99)
    steps = np.count_nonzero(radiograph.counts[(radiograph.values >= low) & (radiograph.values <= high)])
    if steps < _LOW_CONTRAST:
        raise BadScan("empty", f"the film has only {steps} grey levels; nothing was exposed")
    if is_clipped(rendered):
        raise BadScan("clipped", "most of the middle of the film is burnt out")


def is_clipped(rendered: npt.NDArray) -> bool:
    """Whether the middle of a rendered HxW picture is mostly white, or all but wholly black."""
    height, width = rendered.shape
    middle = rendered[height // 4 : height - height // 4 : 4, width // 4 : width - width // 4 : 4]
    top = np.iinfo(rendered.dtype).max
    return bool((middle == top).mean() > _BURNT or (middle == 0).mean() > _BLACK)


def _words(ds: Dataset, keyword: str) -> str:
    if keyword == "ViewCodeSequence":
        try:
            return str(ds.ViewCodeSequence[0].CodeMeaning).lower()
        except Exception:  # missing or damaged in any way
            return ""
    return re.sub(r"[^a-z]+", " ", " ".join(texts(ds, keyword)).lower()).strip()
