"""What JSL itself made, recognised when it comes in: results that a PACS sends back, and phantoms."""

from pydicom import Dataset

from jsl_core.errors import BadScan
from jsl_core.imaging.tags import text

__all__ = ["MANUFACTURER", "PHANTOM", "SERIES", "check_origin", "is_own_result", "is_phantom"]

MANUFACTURER = "JSL"
PHANTOM = "JSL phantom"  # the manufacturer of simulated films
SERIES = "JSL: "  # how the descriptions of its series begin


def is_own_result(ds: Dataset) -> bool:
    """Whether an object is a result of JSL: by its manufacturer, or where that was removed by its series."""
    return text(ds, "Manufacturer") == MANUFACTURER or text(ds, "SeriesDescription").startswith(SERIES)


def is_phantom(ds: Dataset) -> bool:
    """Whether a film says of itself that it is simulated."""
    return text(ds, "Manufacturer") == PHANTOM


def check_origin(ds: Dataset) -> None:
    """Reject a result of JSL.

    Raises:
        BadScan: `own_result`.
    """
    if is_own_result(ds):
        raise BadScan("own_result", "a result of JSL itself, and no film")
