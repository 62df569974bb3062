"""A run with pseudonyms: no file, folder or participant is named in what it stores, publishes or says."""

import os
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pydicom
import pytest

from flows.prepare import prepare
from jsl_core.config import PhantomSettings, load_pipeline
from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadSettings, BadTable
from jsl_core.imaging import encode_png
from jsl_core.phantom import write_phantom
from jsl_core.storage import checkout, open_store
from tasks.caching import results_block

pytestmark = [pytest.mark.usefixtures("prefect"), pytest.mark.slow]

MARK = "QZXPERSON"
KEY = "the key of the study, kept apart"


@pytest.fixture
def study(tmp_path: Path) -> Path:
    """Films whose files, folders and participants carry a mark, and the table that joins them."""
    write_phantom(tmp_path, PhantomSettings(patients=4, seed=5, long_side=(500, 600)))
    table = pd.read_csv(tmp_path / "JSL.csv", dtype={"ID": str})
    table["ID"] = table["ID"].map(lambda knee: f"{MARK} {knee[:-2]}/Ü{knee[-2:]}")
    table["Img_path"] = f"{MARK}.png"
    table.to_csv(tmp_path / "JSL.csv", index=False)
    films = sorted((tmp_path / "scans").iterdir())
    for number, path in enumerate(films):
        film = pydicom.dcmread(path)
        film.SpecificCharacterSet = "ISO_IR 192"
        film.PatientID = f"{MARK} {film.PatientID}/Ü"
        if number == 0:
            film.Modality = "MR"
        folder = tmp_path / "scans" / f"{MARK} folder {number}"
        folder.mkdir()
        film.save_as(folder / f"{MARK}film.dcm")
        path.unlink()
    (tmp_path / "scans" / f"{MARK}gone.dcm").symlink_to("nowhere")
    return tmp_path


def _left(study: Path) -> Iterator[Path]:
    for root in (study / "store", Path(os.environ["PREFECT_HOME"])):
        yield from root.rglob("*")


def test_nothing_that_is_stored_or_said_names_anybody(
    study: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    places = {name: str(study / name) for name in ("scans", "store")}
    options = places | {"cohort": str(study / "JSL.csv"), "pseudonymise": True, "max_rejected": 0.6}
    settings = load_pipeline(preset="demo", options=options)
    run = prepare.with_options(result_storage=results_block(settings.store))
    with pytest.raises(BadSettings, match=r"no key; set JSL_PSEUDONYM_KEY, or name a file, a secret"):
        run(settings)
    monkeypatch.setenv("JSL_PSEUDONYM_KEY", KEY)
    ready = run(settings)

    store = open_store(settings.store)
    assert ready.gathered is not None
    rejected = pd.read_csv(study / "store" / ready.gathered.rejected.key)
    assert {"wrong_modality", "not_a_file"} <= set(rejected["reason"])
    table = pd.read_csv(checkout(store, ready.dataset, study / "trees") / "table.csv")
    assert len(table) >= 4, "films and table are joined by their true names"
    assert table["participant"].str.fullmatch("P[0-9a-f]{16}").all()

    assert not [path for path in _left(study) if MARK in path.name]
    files = [path for path in _left(study) if path.is_file()]
    assert len(files) > 20
    secrets = [MARK.encode(), KEY.encode()]
    assert [path for path in files if any(secret in path.read_bytes() for secret in secrets)] == []
    said = "".join(capfd.readouterr())
    assert MARK not in said
    assert KEY not in said

    key_file = study / "key"
    key_file.write_text(f"{KEY}\n")
    monkeypatch.delenv("JSL_PSEUDONYM_KEY")
    again = run(load_pipeline(preset="demo", options=options | {"pseudonym_key": str(key_file)}))
    assert again.dataset == ready.dataset, "the same key gives the same pseudonyms, wherever it lies"


def test_crops_that_a_table_names_are_packed_by_pseudonyms_and_a_bad_table_names_nobody(
    study: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JSL_PSEUDONYM_KEY", KEY)
    table = pd.read_csv(study / "JSL.csv", dtype={"ID": str})
    table["Img_path"] = [f"{MARK}{number}.png" for number in range(len(table))]
    rng = np.random.default_rng(0)
    for name in table["Img_path"][1:]:
        (study / name).write_bytes(encode_png(rng.integers(0, 256, (64, 64), np.uint8)))
    table.to_csv(study / "JSL.csv", index=False)
    options = {"store": str(study / "store"), "cohort": str(study / "JSL.csv"), "pseudonymise": True}
    settings = load_pipeline(preset="demo", options=options | {"max_rejected": 0.2})
    run = prepare.with_options(result_storage=results_block(settings.store))
    folder = checkout(open_store(settings.store), run(settings).dataset, study / "trees")
    packed = PackedDataset.load(folder)
    assert len(packed.table) == len(table) - 1
    assert set(packed.table["Img_path"]) == {""}
    (study / "JSL.csv").write_text((study / "JSL.csv").read_text().replace("/Ü_1,", "/ü_1,", 1))
    with pytest.raises(BadTable, match="why may name somebody, see it with jsl check") as caught:
        run(settings)
    assert MARK not in str(caught.value)
    files = [path for path in _left(study) if path.is_file()]
    assert [path for path in files if MARK.encode() in path.read_bytes() or MARK in path.name] == []
