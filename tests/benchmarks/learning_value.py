"""How well models predict progression by how many participants they learned from: phantom figures.

    python tests/benchmarks/learning_value.py [--participants 50 100 200 400] [--test 400]

Joints are cut from drawn films at their true boxes, without files and detector. All models are tested on the
same participants, none of whom they learned from; a larger cohort contains the smaller ones; a fifth of each
is for validation. AUC with 95 % intervals (DeLong, for two knees a participant), beside the best attainable:
the AUC of E[true risk | what the model may see] in a large draw. The whole curve takes half an hour on
two cores:

    python tests/benchmarks/learning_value.py --participants 50 100 200 400 800 1600 --test 1000
"""

import math
import tempfile
import time
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from results import keep, options, show

from jsl_core.cohort import read_cohort
from jsl_core.config import PackSettings, PhantomSettings, Regime, TrainingSettings
from jsl_core.config.training_presets import training_preset
from jsl_core.dataset import fit_crop
from jsl_core.errors import BadScan
from jsl_core.phantom import attainable_auc, make_film
from jsl_core.phantom.cohort import make_tables
from jsl_core.system.parallel import parallel_map

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from jsl_core.evaluation.report.style import Paint

SIZE = 112  # pixels of a crop, as in preset demo
FULL = 160  # participants up to whom the preset's epochs are kept
REGIMES: tuple[Regime, ...] = ("kl", "jsl-image", "multitask", "jsl-joint")  # parents first
MODELS = {  # and the information of `attainable_auc`
    "risk-factors": "risk-factors",
    "jsl-image": "image",
    "jsl-joint": "image+factors",
}


def joints(settings: PhantomSettings, index: int) -> dict[str, np.ndarray]:
    """Both joints of a participant by knee ID, uint8 SIZE×SIZE."""
    film = make_film(settings.seed, index, settings)
    crops = {}
    for side, box in film.boxes.items():
        x1, y1, x2, y2 = (round(value) for value in box)
        crops[f"{1000001 + index}_{side}"] = fit_crop(film.display[y1:y2, x1:x2], SIZE)
    return crops


def draw(settings: PhantomSettings) -> dict[str, np.ndarray]:
    crops: dict[str, np.ndarray] = {}
    for pair in parallel_map(partial(joints, settings), range(settings.patients)):
        if isinstance(pair, BadScan):
            raise pair
        crops |= pair
    return crops


def recipe(participants: int) -> TrainingSettings:
    """Preset demo; larger cohorts are seen fewer times, by the root of their size, and in more steps."""
    settings, share = training_preset("demo"), min(1.0, math.sqrt(FULL / participants))
    fewer = {
        regime.replace("-", "_"): settings.of(regime).model_copy(
            update={"epochs": math.ceil(share * settings.of(regime).epochs)}
        )
        for regime in REGIMES
    }
    return settings.model_copy(update=fewer)


def learn(crops: dict[str, np.ndarray], table: pd.DataFrame, participants: int, folder: Path) -> None:
    """Train all models on the test part and the first `participants` of the others."""
    from jsl_core.dataset import pack
    from jsl_core.learning.regimes import TrainingJob, train_regime, train_risk_factors

    names = table.loc[table["split"] == "", "participant"].unique()[:participants]
    chosen = table[table["participant"].isin(names) | (table["split"] == "test")]
    pack(
        {name: crops[name] for name in chosen["ID"]},
        chosen,
        PackSettings(size=SIZE, val=0.2, test=1e-6),  # the table names the test part
        folder / "dataset",
    )
    settings = recipe(participants)
    train_risk_factors(folder / "dataset", settings, folder / "risk-factors")
    for regime in REGIMES:
        parent = settings.parent_of(regime)
        start = folder / parent if parent else None
        train_regime(TrainingJob(regime, folder / "dataset", settings, folder / regime, parent=start))


def judged(folder: Path) -> dict[str, dict[str, float]]:
    """AUC and its interval on the test knees, by model."""
    from jsl_core.evaluation.statistics.delong import auc_interval

    figures = {}
    for model in MODELS:
        predictions = pd.read_csv(folder / model / "predictions.csv", dtype={"participant": str})
        predictions = predictions[predictions["split"].eq("test") & predictions["JSL_Prog"].notna()]
        auc = auc_interval(predictions["JSL_Prog"] == 1, predictions["jsl_risk"], predictions["participant"])
        figures[model] = {"auc": auc.value, "low": auc.low, "high": auc.high, "knees": len(predictions)}
    return figures


def of_true_risk(study: pd.DataFrame, truth: pd.DataFrame, test: int) -> dict[str, float]:
    """The AUC of the true risk on the very test knees: what chance made of the best attainable there."""
    from jsl_core.evaluation.statistics.delong import auc_interval

    known = study["JSL_Prog"].notna() & (np.arange(len(study)) < 2 * test)
    names = study.loc[known, "ID"].str[:-2]
    auc = auc_interval(study.loc[known, "JSL_Prog"] == 1, truth.loc[known, "risk"], names)
    return {"auc": auc.value, "low": auc.low, "high": auc.high}


def curve(results: Sequence[dict[str, Any]], best: dict[str, float], test: int) -> "Paint":
    from jsl_core.evaluation.report.style import DASHED, colour_of

    def paint(axes: "Axes") -> None:
        counts = np.array([result["participants"] for result in results])
        for place, (model, information) in enumerate(MODELS.items()):
            scores = pd.DataFrame([result["models"][model] for result in results])
            spread = [scores["auc"] - scores["low"], scores["high"] - scores["auc"]]
            shift = 1.04 ** (place - 1)  # intervals beside each other
            axes.errorbar(
                counts * shift,
                scores["auc"],
                spread,
                fmt="o-",
                color=colour_of(model),
                label=model,
                capsize=2,
            )
            axes.axhline(best[information], color=colour_of(model), linestyle=DASHED, linewidth=1)
        axes.set_xscale("log")
        axes.set_xticks(counts, [str(count) for count in counts])
        axes.minorticks_off()
        axes.set(
            title=f"Phantom figures: AUC on {test} test participants; dashed: best attainable",
            xlabel="participants with labels (a fifth of them for validation)",
            ylabel="AUC [95 % CI]",
        )
        axes.legend(loc="center right")

    return paint


def main() -> None:
    parser = options(__doc__, "learning_value")
    parser.add_argument("--participants", type=int, nargs="+", default=[50, 100, 200, 400])
    parser.add_argument("--test", type=int, default=400, help="participants to test on")
    chosen = parser.parse_args()
    counts = sorted(chosen.participants)
    started = time.perf_counter()
    films = PhantomSettings(patients=chosen.test + counts[-1], seed=20, long_side=(600, 640))
    study, truth = make_tables(films)
    crops = draw(films)
    print(
        f"phantom figures; {films.patients} films drawn in {time.perf_counter() - started:.0f} s", flush=True
    )
    best = attainable_auc()
    results = []
    with tempfile.TemporaryDirectory() as name:
        study.to_csv(Path(name, "JSL.csv"), index=False)
        table = read_cohort(Path(name, "JSL.csv"))
        table.loc[: 2 * chosen.test - 1, "split"] = "test"
        for count in counts:
            started = time.perf_counter()
            folder = Path(name, str(count))
            learn(crops, table, count, folder)
            seconds = time.perf_counter() - started
            results.append({"participants": count, "seconds": seconds, "models": judged(folder)})
            print(f"{count} participants learned from in {seconds:.0f} s", flush=True)
    rows = [("best attainable", *(best[information] for information in MODELS.values()))]
    for result in results:
        cells = [f"{m['auc']:.3f} [{m['low']:.3f}–{m['high']:.3f}]" for m in result["models"].values()]
        rows.append((str(result["participants"]), *cells))
    show(("participants", *MODELS), rows)
    true_risk = of_true_risk(study, truth, chosen.test)
    print("the true risk itself on these test knees: {auc:.3f} [{low:.3f}–{high:.3f}]".format(**true_risk))
    figures = {
        "phantom": True,
        "test_participants": chosen.test,
        "attainable": best,
        "true_risk_on_test": true_risk,
        "cohorts": results,
    }
    keep(chosen.out, figures, curve(results, best, chosen.test))


if __name__ == "__main__":
    main()
