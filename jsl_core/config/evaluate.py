"""Settings of metrics, saliency and the report."""

from typing import Literal

from pydantic import Field

from jsl_core.config.base import Settings

__all__ = ["EvaluateSettings"]


class EvaluateSettings(Settings):
    """Metrics, saliency and the report."""

    bootstrap: int = Field(
        1000, ge=0, title="Bootstrap", description="Resamples of participants per interval."
    )
    call: Literal["cost", "likeliest"] = Field(
        "cost",
        title="Called grade",
        description="The grade of the least expected cost, or the likeliest (the seed).",
    )
    saliency: Literal["gradient", "smoothgrad", "gradcam", "integrated"] = Field("gradcam", title="Saliency")
    gallery: int = Field(6, ge=0, title="Gallery", description="Knees shown with their saliency.")
