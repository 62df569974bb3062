"""What would stop or thin a run is told before it begins, a line each: what, where, what to do."""

import shutil
from itertools import chain
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from flows.cli.main import main
from jsl_core.check import check_run
from jsl_core.config import PhantomSettings, load_pipeline
from jsl_core.config.tables import merge_tables
from jsl_core.detection.detector import SHIPPED
from jsl_core.learning.model import backbones
from jsl_core.phantom import write_phantom

IDS = [f"{participant}_{side}" for participant in (1000021, 1000022, 1000023, 1000024) for side in (1, 2)]


@pytest.fixture(autouse=True)
def _no_server(monkeypatch: pytest.MonkeyPatch) -> None:
    """The tests' own server is named, but not started."""
    monkeypatch.delenv("PREFECT_API_URL", raising=False)


@pytest.fixture(scope="module")
def phantom(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("phantom")
    write_phantom(folder, PhantomSettings(patients=4, seed=11, long_side=(400, 450)), jobs=1)
    return folder


@pytest.fixture
def crops(tmp_path: Path) -> Path:
    """A folder with a table of eight crops."""
    rng = np.random.default_rng(4)
    (tmp_path / "png").mkdir()
    for name in IDS:
        Image.fromarray(rng.integers(0, 256, (40, 40), np.uint8)).save(tmp_path / "png" / f"{name}.png")
    table = pd.DataFrame(
        {"ID": IDS, "BL_KL_grade": [0, 1, 2, 3, 4, 0, 1, 2], "Img_path": [f"png/{name}.png" for name in IDS]}
    )
    table.to_csv(tmp_path / "knees.csv", index=False)
    return tmp_path


def found(depth: str = "run", **options: object) -> tuple[list[str], list[str]]:
    """What stops and what thins a run of the regime kl."""
    defaults = {"training": {"regimes": ["kl"]}}
    findings = check_run(load_pipeline(options=merge_tables(defaults, options)), depth)  # type: ignore[arg-type]
    texts = [[str(each.error) for each in findings.found if each.stops is stops] for stops in (True, False)]
    assert all("\n" not in text and "; " in text and not text.endswith(".") for text in chain(*texts))
    return texts[0], texts[1]


def places(folder: Path) -> dict[str, object]:
    return {"cohort": str(folder / "knees.csv"), "store": str(folder / "store")}


def test_nothing_is_found_where_nothing_is_wrong(crops: Path, phantom: Path) -> None:
    assert found(**places(crops)) == ([], [])
    films = {"scans": str(phantom / "scans"), "cohort": str(phantom / "JSL.csv")}
    assert found(**films, store=str(crops / "store")) == ([], [])
    assert not (crops / "store").exists()


@pytest.mark.parametrize("depth", ["files", "run"])
@pytest.mark.parametrize(("max_rejected", "outcome"), [(0.1, 0), (0.375, 1), (0.5, 1)])
def test_missing_crops_count_as_rejected(crops: Path, depth: str, max_rejected: float, outcome: int) -> None:
    for name in IDS[2:5]:
        (crops / "png" / f"{name}.png").unlink()
    texts = found(depth, **places(crops), max_rejected=max_rejected)
    assert len(texts[outcome]) == 1
    assert not texts[1 - outcome]
    assert "3 of 8 Img_path are not there; the first is row 4, png/1000022_1.png" in texts[outcome][0]
    assert str(crops) in texts[outcome][0]


def test_a_table_without_times_is_told_where_a_model_is_to_learn_them(crops: Path) -> None:
    texts, _ = found(**places(crops), training={"regimes": ["jsl-image"], "jsl_loss": "cox"})
    assert any("has no times (Event_months, Event), which jsl_loss = cox learns" in line for line in texts)


def test_crops_that_are_no_pictures_are_told(crops: Path) -> None:
    for name in IDS[:2]:
        (crops / "png" / f"{name}.png").write_bytes(b"GIF of " + name.encode())
    _, (line,) = found(**places(crops))
    assert "2 of 8 pictures sampled would be rejected" in line
    assert "png/1000021_1.png is not a readable image" in line


def test_one_picture_under_two_knees_is_told_before_any_split(crops: Path) -> None:
    shutil.copy(crops / "png" / f"{IDS[0]}.png", crops / "png" / f"{IDS[5]}.png")
    (line,), _ = found(**places(crops))
    assert IDS[0] in line
    assert IDS[5] in line


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("scans", "scans {path}: no such folder; "),
        ("films", "{path}: cannot be read"),
        ("truth", "truth {path}: no such file; "),
        ("cohort", "{path}: cannot be read"),
        ("crop.cfg", "crop.cfg {path}: no such file; "),
        ("crop.weights", "crop.weights {path}: no such file; "),
        ("training.weights", "training.weights {path}: no such file; "),
    ],
)
def test_every_path_that_leads_nowhere_is_named_by_its_place(
    tmp_path: Path, phantom: Path, name: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    given = {
        "scans": phantom / "scans",
        "cohort": phantom / "JSL.csv",
        "store": "store",
        name: "away/thing.bin",
    }
    if name.startswith("crop."):
        both = {"crop.cfg": SHIPPED[0], "crop.weights": SHIPPED[1]}
        given = both | given
    (tmp_path / "run.toml").write_text("".join(f"{key} = '{value}'\n" for key, value in given.items()))
    with pytest.raises(SystemExit) as ended:
        main(["check", str(tmp_path / "run.toml"), "--training.regimes", "kl"])
    printed = capsys.readouterr()
    assert ended.value.code == 1
    assert f"stops: {message.format(path=tmp_path / 'away/thing.bin')}" in printed.out
    assert printed.out.count("stops: ") == 1
    assert (
        printed.err
        == f"jsl: {tmp_path / 'run.toml'}: 1 fault stops this run; mend what the lines above name\n"
    )


def test_all_faults_are_told_at_once(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "knees.csv").write_text("ID,BL_KL_grade\n1000021_1,2\n1000021_2,3\n")
    (tmp_path / "lab.toml").write_text(
        'cohort = "knees.csv"\nscans = "films"\nstore = "knees.csv"\ntraining.regimes = ["kl"]\n'
        'crop.cfg = "own.cfg"\n[watch]\nretrain-after = 5\n'
    )
    with pytest.raises(SystemExit):
        main(["check", str(tmp_path / "lab.toml")])
    printed = capsys.readouterr()
    for part in ("films: no such folder", "own.cfg: no such file", "needs both cfg and weights", "is a file"):
        assert part in printed.out
    assert "2 knees of 1 participants, 2 with BL_KL_grade" in printed.out


def test_films_that_cannot_be_used_and_people_without_a_row_are_told(tmp_path: Path, phantom: Path) -> None:
    shutil.copytree(phantom / "scans", tmp_path / "scans")
    (tmp_path / "scans" / "notes.txt").write_text("no film")
    film = sorted((tmp_path / "scans").iterdir())[0]
    film.write_bytes(film.read_bytes()[:1000])
    table = pd.read_csv(phantom / "JSL.csv")
    table[table["ID"].str[:7] != table["ID"].str[:7].iloc[-1]].to_csv(tmp_path / "knees.csv", index=False)
    stops, thins = found(**places(tmp_path), scans=str(tmp_path / "scans"))
    assert stops == []
    assert any("1 of 4 films sampled would be rejected" in line for line in thins)
    assert any(f"such as {table['ID'].iloc[-1][:7]}; " in line for line in thins)


def test_a_table_of_other_people_than_the_films_stops_the_run(crops: Path, phantom: Path) -> None:
    table = pd.read_csv(phantom / "JSL.csv")
    table["ID"] = [f"77{name}" for name in table["ID"]]
    table.to_csv(crops / "knees.csv", index=False)
    (line,), _ = found(**places(crops), scans=str(phantom / "scans"))
    assert line.startswith("knees.csv: no row for ")


def test_a_folder_without_films_stops_the_run(crops: Path) -> None:
    (line,), _ = found(**places(crops), scans=str(crops / "png"))
    assert "none of 8 files sampled is a DICOM file; " in line
    (crops / "empty").mkdir()
    (line,), _ = found(**places(crops), scans=str(crops / "empty"))
    assert "there are none; " in line


def test_a_detector_whose_files_are_no_pair_stops_the_run(crops: Path, phantom: Path) -> None:
    (crops / "own.weights").write_bytes(bytes(100))
    detector = {"cfg": str(SHIPPED[0]), "weights": str(crops / "own.weights")}
    films = {"scans": str(phantom / "scans"), "cohort": str(phantom / "JSL.csv")}
    (line,), _ = found(**films, store=str(crops / "store"), crop=detector)
    assert "own.weights" in line


@pytest.mark.parametrize(
    ("training", "message"),
    [
        ({"backbone": "vgg99"}, "unknown backbone vgg99"),
        ({"backbone": "jslnet", "weights": "imagenet"}, "jslnet has no ImageNet weights"),
        ({"weights": "{folder}/knees.csv"}, "knees.csv: not readable weights"),
        ({"device": "cuda"}, "no CUDA GPU can be used here"),
    ],
)
def test_a_network_that_cannot_be_is_told_before_any_film_is_read(
    crops: Path, training: dict[str, str], message: str
) -> None:
    import torch

    if training.get("device") and torch.cuda.is_available():
        pytest.skip("there is a GPU")
    chosen = {name: value.format(folder=crops) for name, value in training.items()}
    (line,), _ = found(**places(crops), training=chosen)
    assert message in line


def test_a_network_that_was_built_on_this_machine_is_not_built_again(
    crops: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    built: list[tuple[object, ...]] = []
    build = backbones.build_backbone
    monkeypatch.setenv("JSL_CACHE_DIR", str(crops / "cache"))
    monkeypatch.setattr(backbones, "build_backbone", lambda *words: (built.append(words), build(*words))[1])
    shipped = {"training": {"weights": "shipped"}}
    for _ in range(2):
        assert found(**places(crops), **shipped) == ([], [])
    assert len(built) == 1
    assert found(**places(crops), **shipped, pack={"size": 64}) == ([], [])
    assert found("all", **places(crops), **shipped, pack={"size": 64}) == ([], [])
    assert len(built) == 3  # another network; and whoever asks for all gets all
    for _ in range(2):
        assert found(**places(crops), training={"backbone": "resnet500"})[0] != []
    assert len(built) == 5  # what is wrong is told each time
    assert not (crops / "store").exists()


def test_a_label_without_values_stops_and_one_of_one_value_thins(crops: Path) -> None:
    table = pd.read_csv(crops / "knees.csv")
    table.assign(BL_KL_grade="").to_csv(crops / "knees.csv", index=False)
    assert found(**places(crops))[0] == ["knees.csv: BL_KL_grade is blank in every row; fill it in"]
    table.assign(BL_KL_grade=2).to_csv(crops / "knees.csv", index=False)
    stops, (line,) = found(**places(crops))
    assert (stops, "BL_KL_grade is 2 wherever it is known" in line) == ([], True)
    table.drop(columns="BL_KL_grade").to_csv(crops / "knees.csv", index=False)
    ((line,), _) = found(**places(crops))
    assert "no column BL_KL_grade" in line


def test_a_full_disk_and_a_silent_server_are_told(crops: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = shutil._ntuple_diskusage(100, 99, 1)  # type: ignore[attr-defined]
    monkeypatch.setattr(shutil, "disk_usage", lambda path: usage)
    monkeypatch.setenv("PREFECT_API_URL", "http://127.0.0.1:1/api")
    stops, _ = found(**places(crops), dask="tcp://127.0.0.1:1")
    assert [line for line in stops if line.startswith(f"store {crops / 'store'}: 0 MB are free")]
    assert [line for line in stops if line.startswith("the Prefect server http://127.0.0.1:1/api")]
    assert [line for line in stops if line.startswith("the Dask scheduler at tcp://127.0.0.1:1")]


def test_a_run_begins_with_the_check(crops: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in IDS[2:]:
        (crops / "png" / f"{name}.png").unlink()
    words = ["train", "kl", "--cohort", str(crops / "knees.csv"), "--store", str(crops / "store")]
    with pytest.raises(SystemExit) as ended:
        main([*words, "--preset", "demo"])
    (line,) = capsys.readouterr().err.splitlines()
    assert ended.value.code == 1
    assert "6 of 8 Img_path are not there" in line
    assert not (crops / "store").exists()


def test_neither_films_nor_pictures_says_that_either_will_do(crops: Path) -> None:
    table = pd.read_csv(crops / "knees.csv")
    table.drop(columns="Img_path").to_csv(crops / "knees.csv", index=False)
    (line,), _ = found("files", **places(crops))
    assert "no column Img_path" in line
    assert line.endswith("; or give the folder of the films as scans")


def test_a_fixed_split_that_the_table_cannot_give_is_found(crops: Path) -> None:
    assert found(**places(crops), pack={"split": "jsl-1"}) == ([], [])
    texts, _ = found(**places(crops), pack={"split": "jsl-1-site-D"})
    assert len(texts) == 1
    assert "has no site for 1000021_1; fill its column Site" in texts[0]
    table = pd.read_csv(crops / "knees.csv").assign(split="train")
    table.to_csv(crops / "knees.csv", index=False)
    texts, _ = found(**places(crops), pack={"split": "jsl-1"})
    assert "learns from 1000021_1 and" in texts[0]


def test_corrections_that_cannot_be_laid_over_stop_a_run_before_it_begins(
    crops: Path, tmp_path: Path
) -> None:
    file = tmp_path / "corrections.csv"
    file.write_text("film,side,what,value\na.dcm,1,box,1 2 3\n")
    stops, _ = found(cohort=str(crops / "knees.csv"), corrections=str(file), store=str(tmp_path / "store"))
    assert any("corrections.csv: row 2: " in line and "no box" in line for line in stops)
