"""The presets `demo`, `seed`, `best` and `kl` of a whole run."""

from typing import get_args

from jsl_core.config.evaluate import EvaluateSettings
from jsl_core.config.pack import PackSettings
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.prepare import CropSettings, MeasureSettings, SplitSettings
from jsl_core.config.sources import Preset, Sources
from jsl_core.config.training_presets import training_preset

__all__ = ["PRESETS", "Preset", "pipeline_preset"]

PRESETS: tuple[Preset, ...] = get_args(Preset)


def pipeline_preset(name: Preset) -> PipelineSettings:
    """The settings of a preset.

    `demo` fits phantom films and two processor cores; `best` fits thousands of knees and a GPU; `kl` learns
    to grade knees from thousands of ready crops on two cores; `seed` is the recipe of the notebooks
    that the project began as: films cut at the middle, the detector's box with five pixels around it, and
    splits by knee, with 300 of 4,163 knees each to choose and to test on.
    """
    sources = Sources(preset=name)
    if name == "demo":
        pack = PackSettings(size=144)  # as many pixels a plateau as the weights learned from
        look = EvaluateSettings(saliency="integrated")
        return PipelineSettings(
            name="demo",
            measure=MeasureSettings(widths=True),
            pack=pack,
            training=training_preset(name),
            evaluate=look,
            sources=sources,
        )
    if name in ("best", "kl"):
        return PipelineSettings(name=name, training=training_preset(name), sources=sources)
    return PipelineSettings(
        name="seed",
        sources=sources,
        split=SplitSettings(at="half"),
        crop=CropSettings(box="predicted", margin_px=5, score=0.5, nms_iou=0.45),
        evaluate=EvaluateSettings(saliency="gradient", call="likeliest"),
        pack=PackSettings(size=224, split_by="knee", val=300 / 4163, test=300 / 4163),
        training=training_preset(name),
    )
