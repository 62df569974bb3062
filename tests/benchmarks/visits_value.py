"""What films of all visits add to those of enrolment: models of the same participants; phantom figures.

    python tests/benchmarks/visits_value.py [--participants 100] [--test 150]

Of the same participants a model learns from the films of enrolment, one from those of enrolment, 24 and 48
months (each visit a baseline for the next 48 months), and one from these with OARSI features as co-targets.
All take as many steps, and are tested on the enrolment films of the same other participants. Grades by
quadratic kappa (95 % bootstrap interval), progression by AUC (DeLong), with both knees of a participant as
one cluster, and the gain over enrolment alone with the interval of the paired difference.
"""

import tempfile
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from results import bars, keep, options, show

from jsl_core.cohort.columns import GRADE, GRADE_PROBABILITIES, OARSI, PROGRESSION, VISIT, row_names
from jsl_core.config import PackSettings, PhantomSettings, TrainingSettings
from jsl_core.config.training_presets import training_preset
from jsl_core.dataset import fit_crop, pack
from jsl_core.errors import BadScan
from jsl_core.evaluation.statistics.bootstrap import bootstrap_intervals
from jsl_core.evaluation.statistics.delong import auc_difference, auc_interval
from jsl_core.evaluation.statistics.metrics import grade_scores
from jsl_core.learning.model.calibration import called_grades
from jsl_core.learning.regimes import TrainingJob, train_regime
from jsl_core.phantom import make_film
from jsl_core.phantom.cohort import make_tables
from jsl_core.phantom.visit_table import tabulate_visits
from jsl_core.system.parallel import parallel_map
from jsl_core.system.spreadsheet import read_csv

SIZE = 112  # pixels of a crop, as in preset demo
MONTHS = {"00": 0, "03": 24, "06": 48}
FILMED = PhantomSettings(seed=29, long_side=(600, 640), visits=(0, 24, 48, 72, 96))
ARMS = ("enrolment", "all visits", "all visits, OARSI")


def joints(film: tuple[int, str]) -> dict[str, np.ndarray]:
    """Both joints of a participant at a visit by the names of their rows, uint8 SIZE×SIZE."""
    index, visit = film
    picture = make_film(FILMED.seed, index, FILMED, month=MONTHS[visit])
    crops = {}
    for side, box in picture.boxes.items():
        x1, y1, x2, y2 = (round(value) for value in box)
        crops[f"{1000001 + index}_{side}@{visit}"] = fit_crop(picture.display[y1:y2, x1:x2], SIZE)
    return crops


def draw(films: list[tuple[int, str]]) -> dict[str, np.ndarray]:
    crops: dict[str, np.ndarray] = {}
    for pair in parallel_map(joints, films):
        if isinstance(pair, BadScan):
            raise pair
        crops |= pair
    return crops


def rows_of_visits(patients: int, tested: int) -> pd.DataFrame:
    """A row a knee and visit, as `read_cohort` gives it; the first participants are the test part."""
    settings = FILMED.model_copy(update={"patients": patients})
    table = tabulate_visits(settings, *make_tables(settings))
    table = table[table[VISIT].isin(list(MONTHS))].reset_index(drop=True)
    table[GRADE] = table.pop("KL_grade")  # as `read_cohort` has it
    knees = table["ID"].str.rpartition("_")
    table["participant"], table["side"] = knees[0], knees[2].astype(int)
    table["split"] = np.where(table["participant"].astype(int) - 1000001 < tested, "test", "")
    table["Img_path"] = ""
    return table.astype(dict.fromkeys((GRADE, PROGRESSION, *OARSI, "Knee_Injury"), float))


def recipe(arm: str) -> TrainingSettings:
    """Preset demo; with a third of the films three times the epochs: the same steps."""
    settings, share = training_preset("demo"), len(MONTHS) if arm == "enrolment" else 1
    longer = {
        name: getattr(settings, name).model_copy(
            update={
                "epochs": share * getattr(settings, name).epochs,
                "freeze_epochs": share * getattr(settings, name).freeze_epochs,
            }
        )
        for name in ("kl", "jsl_image")
    }
    return settings.model_copy(update=longer | {"oarsi_weight": 0.5 if "OARSI" in arm else 0.0})


def learn(arm: str, table: pd.DataFrame, crops: dict[str, np.ndarray], folder: Path) -> pd.DataFrame:
    """Train on the rows of an arm; the predictions of the test participants' enrolment films."""
    own = table[(table[VISIT] == "00") | ((arm != "enrolment") & (table["split"] != "test"))]
    packing = PackSettings(size=SIZE, val=0.2, test=1e-6)  # the table names the test part
    pack({name: crops[name] for name in row_names(own)}, own, packing, folder / "dataset")
    settings = recipe(arm)
    train_regime(TrainingJob("kl", folder / "dataset", settings, folder / "kl"))
    image = TrainingJob("jsl-image", folder / "dataset", settings, folder / "jsl-image", parent=folder / "kl")
    train_regime(image)
    grades, risks = (read_csv(folder / regime / "predictions.csv") for regime in ("kl", "jsl-image"))
    tested = grades.assign(jsl_risk=risks["jsl_risk"])
    return tested[tested["split"] == "test"].reset_index(drop=True)


def compare(predictions: dict[str, pd.DataFrame]) -> list[dict[str, Any]]:
    """Of each arm kappa and AUC with their intervals, and what it gains over enrolment alone."""
    first = predictions[ARMS[0]]
    people, truth = first["participant"].to_numpy(), first[GRADE].to_numpy(int)
    labelled = first[PROGRESSION].notna().to_numpy()
    progressed = first.loc[labelled, PROGRESSION].to_numpy() == 1
    guesses = {arm: called_grades(rows[GRADE_PROBABILITIES].to_numpy()) for arm, rows in predictions.items()}

    def kappas(truth: np.ndarray, *columns: np.ndarray) -> dict[str, float]:
        own, base = (grade_scores(truth, column)["kappa"] for column in columns)
        return {"kappa": own, "gain": own - base}

    figures = []
    for arm, rows in predictions.items():
        kappa = bootstrap_intervals(kappas, people, truth, guesses[arm], guesses[ARMS[0]], resamples=1000)
        own, base = (table.loc[labelled, "jsl_risk"] for table in (rows, first))
        auc = auc_interval(progressed, own, people[labelled])
        gain = auc_difference(progressed, own, base, people[labelled])
        figures.append(
            {
                "arm": arm,
                "knees": len(first),
                "kappa": kappa["kappa"].to_json(),
                "kappa_gain": kappa["gain"].to_json() if arm != ARMS[0] else None,
                "outcomes": int(labelled.sum()),
                "progressed": int(progressed.sum()),
                "auc": [auc.value, auc.low, auc.high],
                "auc_gain": [gain.value, gain.low, gain.high] if arm != ARMS[0] else None,
            }
        )
    return figures


def _words(values: Any) -> str | None:
    if values is None:
        return None
    value, low, high = values.values() if isinstance(values, dict) else values
    return f"{value:.3f} [{low:.3f}, {high:.3f}]"


def main() -> None:
    parser = options(__doc__, "visits_value")
    parser.add_argument("--participants", type=int, default=100, help="participants to learn from")
    parser.add_argument("--test", type=int, default=150, help="participants to test on")
    chosen = parser.parse_args()
    started = time.perf_counter()
    patients = chosen.test + chosen.participants
    films = [(index, visit) for visit in MONTHS for index in range(patients)]
    crops = draw([film for film in films if film[1] == "00" or film[0] >= chosen.test])
    table = rows_of_visits(patients, chosen.test)
    print(
        f"phantom figures; {len(crops) // 2} films drawn in {time.perf_counter() - started:.0f} s", flush=True
    )
    with tempfile.TemporaryDirectory() as name:
        work = partial(learn, table=table, crops=crops)
        predictions = {arm: work(arm, folder=Path(name, str(number))) for number, arm in enumerate(ARMS)}
    figures = compare(predictions)
    heads = ("learned from", "kappa", "gain", "AUC", "gain")
    columns = ("kappa", "kappa_gain", "auc", "auc_gain")
    show(heads, [(one["arm"], *(_words(one[name]) for name in columns)) for one in figures])
    one = figures[0]
    print(
        f"{chosen.participants} participants learned from; tested on {one['knees']} knees of {chosen.test}, "
        f"{one['outcomes']} with an outcome, {one['progressed']} progressed; "
        f"{time.perf_counter() - started:.0f} s"
    )
    plot = bars(
        "Phantom figures: the same participants",
        ARMS,
        {"kappa": [f["kappa"]["value"] for f in figures], "AUC": [f["auc"][0] for f in figures]},
        "",
    )
    keep(chosen.out, {"phantom": True, "participants": chosen.participants, "arms": figures}, plot)


if __name__ == "__main__":
    main()
