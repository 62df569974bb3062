"""Settings of every stage, once: flow parameters (so the UI's form), TOML files and command-line options.

Titles and descriptions are written for the reader of the form. Nothing else in the project reads a setting
from anywhere else; secrets come from the environment alone.
"""

from jsl_core.config.base import Settings, keyed_settings
from jsl_core.config.detector import DetectorTrainSettings, SideTrainSettings
from jsl_core.config.evaluate import EvaluateSettings
from jsl_core.config.load import load_pipeline
from jsl_core.config.messages import describe_validation_error
from jsl_core.config.oai import OaiSettings
from jsl_core.config.pack import PackSettings
from jsl_core.config.phantom import PhantomSettings
from jsl_core.config.pipeline import PipelineSettings
from jsl_core.config.prepare import ConvertSettings, CropSettings, MeasureSettings, SplitSettings
from jsl_core.config.preset_choice import (
    Origin,
    PresetChoice,
    apply_preset,
    describe_overrides,
    list_origins,
)
from jsl_core.config.presets import pipeline_preset
from jsl_core.config.retrain import Lab, ListenSettings, RetrainSettings, WatchSettings, load_lab
from jsl_core.config.run_form import fill_in
from jsl_core.config.score import PredictSettings, ScoreSettings
from jsl_core.config.sources import Preset
from jsl_core.config.sweep import SweepSettings, load_sweep
from jsl_core.config.training import Regime, RegimeSettings, TrainingSettings

__all__ = [
    "ConvertSettings",
    "CropSettings",
    "DetectorTrainSettings",
    "EvaluateSettings",
    "Lab",
    "ListenSettings",
    "MeasureSettings",
    "OaiSettings",
    "Origin",
    "PackSettings",
    "PhantomSettings",
    "PipelineSettings",
    "PredictSettings",
    "Preset",
    "PresetChoice",
    "Regime",
    "RegimeSettings",
    "RetrainSettings",
    "ScoreSettings",
    "Settings",
    "SideTrainSettings",
    "SplitSettings",
    "SweepSettings",
    "TrainingSettings",
    "WatchSettings",
    "apply_preset",
    "describe_overrides",
    "describe_validation_error",
    "fill_in",
    "keyed_settings",
    "list_origins",
    "load_lab",
    "load_pipeline",
    "load_sweep",
    "pipeline_preset",
]
