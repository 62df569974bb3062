"""What JSL itself writes into a PACS, recognised when it comes back: a PACS forwards all that it gets."""

from pydicom import Dataset

from jsl_core.errors import BadScan
from jsl_core.imaging.tags import text

__all__ = ["MANUFACTURER", "SERIES", "check_origin", "is_own_result"]

MANUFACTURER = "JSL"
SERIES = "JSL: "  # how the descriptions of its series begin


def is_own_result(ds: Dataset) -> bool:
    """Whether an object is a result of JSL: by its manufacturer, or where that was removed by its series."""
    return text(ds, "Manufacturer") == MANUFACTURER or text(ds, "SeriesDescription").startswith(SERIES)


def check_origin(ds: Dataset) -> None:
    """Reject a result of JSL.

    Raises:
        BadScan: `own_result`.
    """
    if is_own_result(ds):
        raise BadScan("own_result", "a result of JSL itself, and no film")
