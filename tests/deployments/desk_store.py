"""A store with the tables of a run, of pictures drawn by a formula: as a run has them, without having run."""

import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from jsl_core.cohort import read_cohort
from jsl_core.config import PackSettings
from jsl_core.dataset import pack
from jsl_core.imaging import FilmLook, SeenJoint, encode_png
from jsl_core.storage import Artifact, FolderStore, Store, put_tree
from jsl_core.storage.history import History, Step
from jsl_core.storage.results import write_result

HEIGHT, WIDTH, SIZE = 240, 320, 100
CORNERS = {1: (30, 70), 2: (190, 70)}  # of the joints, on the film


def write_run(
    root: Path,
    films: int,
    *,
    cropped: bool = True,
    packed: bool = True,
    seed: int = 0,
    sides: tuple[int, ...] = (1, 2),
) -> Store:
    """A run of films with a knee of each side; every seventh was rejected, every fifth is ambiguous."""
    store, rng = FolderStore(root), np.random.default_rng(seed)
    rows: dict[str, list[dict[str, Any]]] = {"convert": [], "split": [], "crop": []}
    crops: dict[str, np.ndarray] = {}
    for number in range(films):
        film = _film(rng, number)
        person, file = str(1_000_001 + number), f"{1_000_001 + number}.dcm"
        row = _film_row(store, film, file, person)
        rows["convert"].append(row)
        if number % 7 == 6:
            rows["split"].append({"file": file, "reason": "no_joint", "sentence": "no knee joint was found"})
            continue
        for side in sides:
            x, y = CORNERS[side]
            knee, start = f"{person}_{side}", 0 if side == 1 else WIDTH // 2
            common = {
                "file": file, "ID": knee, "participant": person, "side": side, "side_from": "position",
                "polarity_from": "header", "joints_seen": 2, "note": "", "spacing_mm": 0.4,
                "spacing_from": "tag",
            }  # fmt: skip
            box = {"x1": start, "y1": 0, "x2": start + WIDTH // 2, "y2": HEIGHT, "how": "valley"}
            rows["split"].append(common | box | {"png": row["png"]})
            crops[knee] = film[y : y + SIZE, x : x + SIZE]
            place = {"x1": x - start, "y1": y, "x2": x - start + SIZE, "y2": y + SIZE, "length": SIZE}
            judged = {"score": round(1 - number % 11 / 20, 3), "padded": False, "ambiguous": number % 5 == 4}
            png = store.put(encode_png(crops[knee]), f"{knee}.png").model_dump()
            rows["crop"].append(common | place | judged | {"png": png})
    if not cropped:
        rows["crop"] = []
    history = History(store)
    history.begin("run-1", "test-run", "pipeline")
    for stage in ("convert", "split", "crop") if cropped else ("convert", "split"):
        _record(store, stage, store.put(json.dumps(rows[stage]).encode(), f"{stage}ed.json"))
    if packed and cropped:
        _pack(store, crops, rng)
    return store


def write_run_without_films(root: Path, knees: int) -> Store:
    """A run whose table names pictures."""
    store, rng = FolderStore(root), np.random.default_rng(1)
    History(store).begin("run-1", "crops-run", "pipeline")
    _pack(
        store, {f"{1_000_001 + n // 2}_{n % 2 + 1}": _film(rng, n)[70:170, 30:130] for n in range(knees)}, rng
    )
    return store


def _film(rng: np.random.Generator, number: int) -> np.ndarray:
    """Two blobs with a dark line across, H×W; no two films are alike."""
    y, x = np.mgrid[0:HEIGHT, 0:WIDTH]
    film = np.zeros((HEIGHT, WIDTH))
    for left, top in CORNERS.values():
        film += 180 * np.exp(-(((x - left - 50) / 45) ** 2 + ((y - top - 50) / 90) ** 2))
        film -= 90 * np.exp(-(((y - top - 52 - number % 5) / 4) ** 2)) * (np.abs(x - left - 50) < 40)
    return (film.clip(0, 230) + rng.integers(0, 20, film.shape)).astype(np.uint8)


def _film_row(store: Store, film: np.ndarray, file: str, person: str) -> dict[str, Any]:
    joints = tuple(
        SeenJoint(x1=x, y1=y, x2=x + SIZE, y2=y + SIZE, score=0.9, right=0.9 if side == 1 else 0.1)
        for side, (x, y) in CORNERS.items()
    )
    return {
        "file": file, "participant": person, "width": WIDTH, "height": HEIGHT, "flipped": False,
        "upside_down": False, "spacing_mm": [0.4, 0.4], "polarity_from": "header", "note": "",
        "pixels": f"{int(person):064x}", "png": store.put(encode_png(film), "film.png").model_dump(),
        "look": FilmLook(joints=joints).model_dump(mode="json"),
    }  # fmt: skip


def _pack(store: Store, crops: dict[str, np.ndarray], rng: np.random.Generator) -> None:
    names = sorted(crops)
    grades, outcomes = rng.integers(0, 5, len(names)), rng.integers(0, 2, len(names))
    with tempfile.TemporaryDirectory() as folder:
        table = pd.DataFrame({"ID": names, "BL_KL_grade": grades, "JSL_Prog": outcomes})
        table.to_csv(Path(folder, "JSL.csv"), index=False)
        settings = PackSettings(size=64)
        pack(crops, read_cohort(Path(folder, "JSL.csv")), settings, Path(folder, "dataset"))
        _record(store, "pack", put_tree(store, Path(folder, "dataset"), "dataset.json"))


def _record(store: Store, stage: str, made: Artifact) -> None:
    step = Step(stage=stage, digest=made.sha256, code={}, parameters={})
    History(store).record_step("run-1", step)
    write_result(store, step.key, {"result": made.model_dump()})
