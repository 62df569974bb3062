"""Whatever is wrong with a bundle's files is one line that names the bundle, and the field."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from safetensors.numpy import load_file, save_file

from jsl_core.config import TrainingSettings
from jsl_core.errors import BundleError
from jsl_core.learning.model.baseline import BaselineBundle
from jsl_core.learning.model.bundle import ModelBundle
from jsl_core.learning.model.ensemble import Ensemble, validation_risks
from jsl_core.learning.model.record import BundleRecord
from jsl_core.learning.regimes import TrainingJob, gather_folds, train_regime, train_risk_factors
from jsl_core.storage.proof import with_proof


@pytest.fixture(scope="module")
def trained(dataset: Path, fast: TrainingSettings, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The bundles `multitask` and `risk-factors`."""
    folder = tmp_path_factory.mktemp("trained")
    brief = fast.model_copy(update={"multitask": fast.multitask.model_copy(update={"epochs": 1})})
    train_regime(TrainingJob("multitask", dataset, brief, folder / "multitask"))
    train_risk_factors(dataset, brief, folder / "risk-factors")
    return folder


def copy_with_record(bundle: Path, folder: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    """A copy of a bundle whose record was written otherwise, with a proof of that."""
    shutil.copytree(bundle, folder)
    record = json.loads((folder / "bundle.json").read_text())
    edit(record)
    proof = record.pop("proof", None)
    (folder / "bundle.json").write_text(json.dumps(with_proof(record) if proof else record))
    return folder


def read_error(folder: Path) -> str:
    """The one line that every reader of the bundle ends with."""
    with pytest.raises(BundleError) as raised:
        Ensemble.load([folder], "cpu")
    message = str(raised.value)
    assert message.startswith(f"{folder}: ")
    assert "\n" not in message
    assert not message.endswith(".")
    return message.removeprefix(f"{folder}: ")


NETWORK_FIELDS = [
    "format", "regime", "network", "factors", "mirror_left", "temperature", "prior_shift", "thresholds",
    "dataset", "parent", "settings",
]  # fmt: skip


@pytest.mark.parametrize("field", NETWORK_FIELDS)
@pytest.mark.parametrize("fault", ["missing", "of another type"])
def test_a_field_of_a_network_s_record_that_is_missing_or_of_another_type_is_named(
    trained: Path, tmp_path: Path, field: str, fault: str
) -> None:
    def edit(record: dict[str, Any]) -> object:
        return record.pop(field) if fault == "missing" else record.update({field: [1]})

    message = read_error(copy_with_record(trained / "multitask", tmp_path / "bundle", edit))
    assert field in message


@pytest.mark.parametrize(
    "field", ["format", "regime", "network", "factors", "thresholds", "dataset", "settings"]
)
def test_a_field_of_the_baseline_s_record_that_is_missing_is_named(
    trained: Path, tmp_path: Path, field: str
) -> None:
    folder = copy_with_record(trained / "risk-factors", tmp_path / "bundle", lambda record: record.pop(field))
    assert field in read_error(folder)


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda record: record["network"].pop("size"), "network.size: "),
        (lambda record: record["network"].update(size="32"), "network.size: "),
        (lambda record: record["network"].update(size=0), "network: it cannot be built"),
        (lambda record: record["network"].update(backbone="resnet9"), "network: unknown backbone resnet9"),
        (lambda record: record["network"].update(depth=3), "network.depth: Unexpected"),
        (lambda record: record["network"].update(heads=[]), "the network has no heads"),
        (lambda record: record["network"].update(inputs=3), "takes 3 risk factors, not the 0 named"),
        (lambda record: record["temperature"].pop("kl"), "temperature lacks kl"),
        (lambda record: record["temperature"].update(kl=0), "temperature.kl: Input should be greater than"),
        (lambda record: record["temperature"].update(kl=-1), "temperature.kl: Input should be greater than"),
        (lambda record: record["temperature"].update(jsl=float("inf")), "temperature.jsl: Input should be"),
        (lambda record: record["temperature"].update(jsl=float("nan")), "temperature.jsl: Input should be"),
        (lambda record: record["thresholds"].update(jsl=7.0), "thresholds.jsl: Input should be less than"),
        (lambda record: record.update(version="99.0"), "made by JSL 99.0, this is"),
        (lambda record: record.update(version="new"), "'new' is no version of JSL"),
        (
            lambda record: record["network"].update(normalise="imagenet"),
            "answers to a known image are not those",
        ),
        (
            lambda record: record["network"].update(band=[0.25, 0.75]),
            "answers to a known image are not those",
        ),
        (lambda record: record.update(prior_shift=float("nan")), "prior_shift: "),
        (lambda record: record["thresholds"].clear(), "thresholds lack jsl"),
        (lambda record: record.update(mm_per_pixel="wide"), "mm_per_pixel: "),
        (lambda record: record.update(folds="three"), "folds: "),
        (lambda record: record.update(folds=3), "not a model bundle"),
    ],
)
def test_a_record_of_a_network_that_cannot_be_is_one_line(
    trained: Path, tmp_path: Path, edit: Callable[[dict[str, Any]], object], reason: str
) -> None:
    folder = copy_with_record(trained / "multitask", tmp_path / "bundle", edit)
    with pytest.raises(BundleError) as raised:
        Ensemble.load([folder], "cpu")
    assert reason in str(raised.value)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize("text", [b"[]", b"3", b"null", b"{", b"", b"\xff\xfe", b"[" * 100_000])
def test_a_record_that_is_no_record_is_one_line(trained: Path, tmp_path: Path, text: bytes) -> None:
    folder = shutil.copytree(trained / "multitask", tmp_path / "bundle")
    (folder / "bundle.json").write_bytes(text)
    assert read_error(folder).startswith("not a model bundle; bundle.json ")
    with pytest.raises(BundleError, match="not a model bundle"):
        gather_folds([folder], tmp_path, tmp_path / "out")


@pytest.mark.parametrize(
    ("edit", "reason"),
    [
        (lambda record: record.update(factors=None), "a model without a network needs some"),
        (lambda record: record["factors"].pop("fill"), "factors.fill: "),
        (lambda record: record["factors"]["fill"].pop(), "have not one fill, mean and scale each"),
        (lambda record: record["factors"]["columns"].__setitem__(0, "Height"), "no risk factor 'Height'"),
        (lambda record: [values.pop(0) for values in record["factors"].values()], "of another model"),
    ],
)
def test_risk_factors_that_do_not_fit_the_model_are_one_line(
    trained: Path, tmp_path: Path, edit: Callable[[dict[str, Any]], object], reason: str
) -> None:
    assert reason in read_error(copy_with_record(trained / "risk-factors", tmp_path / "bundle", edit))


def unproven(record: dict[str, Any]) -> None:
    """Make a record one of the versions before there were proofs."""
    for field in ("files", "probe", "proof"):
        record.pop(field, None)


@pytest.mark.parametrize("scale", [np.nan, np.inf, 1e30])
def test_weights_of_a_baseline_that_are_incomplete_or_beyond_measure_are_one_line(
    trained: Path, tmp_path: Path, scale: float
) -> None:
    folder = copy_with_record(trained / "risk-factors", tmp_path / "bundle", unproven)
    baseline = BaselineBundle.load(folder)
    save_file({"coefficients": baseline.coefficients}, folder / "model.safetensors")
    assert "model.safetensors is of another model" in read_error(folder)
    weights = {"coefficients": scale * baseline.coefficients, "intercept": np.array([baseline.intercept])}
    save_file(weights, folder / "model.safetensors")
    assert "not finite, or beyond all measure" in read_error(folder)


@pytest.mark.parametrize("value", [np.nan, -np.inf, 1e30])
def test_a_network_with_one_weight_that_is_none_scores_nobody(
    trained: Path, tmp_path: Path, value: float
) -> None:
    folder = copy_with_record(trained / "multitask", tmp_path / "bundle", unproven)
    weights = load_file(folder / "model.safetensors")
    name = next(name for name, weight in weights.items() if weight.ndim == 4)
    weights[name] = weights[name].copy()
    weights[name].flat[3] = value
    save_file(weights, folder / "model.safetensors")
    assert f"{name} holds weights" in read_error(folder)
    shutil.copy(trained / "multitask" / "bundle.json", folder)
    assert read_error(folder) == "model.safetensors is damaged or of another model; copy it again"


def test_a_changed_record_or_file_is_one_line(trained: Path, tmp_path: Path) -> None:
    folder = shutil.copytree(trained / "multitask", tmp_path / "bundle")
    text = (folder / "bundle.json").read_text()
    record = json.loads(text)
    threshold = json.dumps(record["thresholds"]["jsl"])
    (folder / "bundle.json").write_text(text.replace(threshold, "0.5"))
    assert read_error(folder) == "bundle.json is not as it was written; copy it again"
    (folder / "bundle.json").write_text(text)
    (folder / "predictions.csv").write_text("ID\n1\n")
    assert read_error(folder) == "predictions.csv is damaged or of another model; copy it again"
    (folder / "predictions.csv").unlink()
    assert Ensemble.load([folder], "cpu").members[0].predictions.empty


def test_a_bundle_in_which_any_byte_changed_is_one_line_or_scores_as_before(
    trained: Path, tmp_path: Path
) -> None:
    rng = np.random.default_rng(7)
    table = pd.DataFrame({"side": [1, 2]})
    images = rng.integers(0, 255, (2, 32, 32), np.uint8)
    before = ModelBundle.load(trained / "multitask").predict(images, table)
    for number in range(60):
        name = ("bundle.json", "model.safetensors")[number % 2]
        folder = shutil.copytree(trained / "multitask", tmp_path / f"bundle-{number}")
        data = bytearray((folder / name).read_bytes())
        place = int(rng.integers(len(data)))
        if number % 3:
            data[place] ^= 1 << int(rng.integers(8))
        else:
            del data[place : place + int(rng.integers(1, 200))]
        (folder / name).write_bytes(data)
        try:
            after = ModelBundle.load(folder).predict(images, table)
        except BundleError:
            continue
        assert name == "bundle.json"  # between its tokens
        pd.testing.assert_frame_equal(after, before)


@pytest.mark.parametrize("text", ["", "ID\n1\n", "ID,split,JSL_Prog,jsl_risk\n1,val,yes,high\n"])
def test_an_ensemble_does_without_the_predictions_of_a_bundle_where_they_are_damaged(
    trained: Path, tmp_path: Path, text: str
) -> None:
    folder = copy_with_record(trained / "multitask", tmp_path / "bundle", unproven)
    (folder / "predictions.csv").write_text(text)
    ensemble = Ensemble.load([folder, trained / "multitask"], "cpu")
    own = [member.bundle.thresholds["jsl"] for member in ensemble.members]
    assert ensemble.threshold == pytest.approx(sum(own) / 2)
    assert validation_risks(ensemble.members).empty
    assert isinstance(ensemble.members[0].predictions, pd.DataFrame)


def test_a_record_of_an_earlier_version_is_read(trained: Path, tmp_path: Path) -> None:
    def edit(record: dict[str, Any]) -> None:
        unproven(record)
        for field in ("flip", "mm_per_pixel", "version"):
            record.pop(field)
        record["network"].pop("band")

    folder = copy_with_record(trained / "multitask", tmp_path / "bundle", edit)
    bundle = ModelBundle.load(folder)
    assert (bundle.flip, bundle.mm_per_pixel, bundle.version) == (False, None, "")
    assert bundle.network.spec.band == (0.0, 1.0)
    assert BundleRecord.read(folder).folds == 0
