"""Whether models of image and risk factors are worth the better of their parts, by seed: phantom figures.

    python tests/benchmarks/joint_seeds.py [--seeds 10] [--participants 90] [--test 200]

Each seed learns from other participants, as many as the demo learns from, by preset demo with another seed of
training; all are measured on the same test participants. A joint model counts as worse where the interval of
the paired difference to the better of image and risk factors (chosen on these very knees, which favours the
parts) lies below zero. A seed takes two minutes on two cores.
"""

import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import pandas as pd
from learning_value import SIZE, draw
from results import bars, keep, options, show

from jsl_core.cohort import read_cohort
from jsl_core.config import PackSettings, PhantomSettings, Regime
from jsl_core.config.training_presets import training_preset
from jsl_core.phantom import attainable_auc
from jsl_core.phantom.cohort import make_tables

REGIMES: tuple[Regime, ...] = ("kl", "jsl-image", "multitask", "jsl-joint-frozen", "jsl-joint")
PARTS = ("risk-factors", "jsl-image", "multitask")
JOINT = ("jsl-joint-frozen", "jsl-joint")


def learn(crops: dict[str, Any], table: pd.DataFrame, names: list[str], seed: int, folder: Path) -> None:
    """Train all models on these participants, a fifth of them for validation."""
    from jsl_core.dataset import pack
    from jsl_core.learning.regimes import TrainingJob, train_regime, train_risk_factors

    chosen = table[table["participant"].isin(names) | (table["split"] == "test")]
    dataset = folder / "dataset"
    packing = PackSettings(size=SIZE, val=0.2, test=1e-6, seed=seed)  # the table names the test part
    pack({name: crops[name] for name in chosen["ID"]}, chosen, packing, dataset)
    settings = training_preset("demo").model_copy(update={"seed": seed})
    train_risk_factors(dataset, settings, folder / "risk-factors")
    for regime in REGIMES:
        parent = settings.parent_of(regime)
        start = folder / parent if parent else None
        train_regime(TrainingJob(regime, dataset, settings, folder / regime, parent=start))


def judged(folder: Path) -> dict[str, Any]:
    """AUC by model on the test knees, and each joint model's difference to the better part."""
    from jsl_core.evaluation.statistics.delong import auc_difference, auc_interval

    rows = {
        name: pd.read_csv(folder / name / "predictions.csv", dtype={"participant": str})
        .query("split == 'test'")
        .dropna(subset=["JSL_Prog"])
        .set_index("ID")
        .sort_index()
        for name in (*PARTS, *JOINT)
    }
    progressed = rows["jsl-joint"]["JSL_Prog"] == 1
    persons = rows["jsl-joint"]["participant"]
    auc = {name: auc_interval(progressed, each["jsl_risk"], persons).value for name, each in rows.items()}
    better = max(PARTS, key=lambda name: auc[name])
    against = {}
    for name in JOINT:
        test = auc_difference(progressed, rows[name]["jsl_risk"], rows[better]["jsl_risk"], persons)
        against[name] = {"difference": test.value, "low": test.low, "high": test.high}
    return {"auc": auc, "better": better, "against": against, "knees": len(progressed)}


def main() -> None:
    """Print the table, seed by seed, and in how many seeds the joint models are not worse."""
    parser = options(__doc__, "joint_seeds")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--participants", type=int, default=90, help="to learn from, by each seed")
    parser.add_argument("--test", type=int, default=200, help="participants to test on")
    chosen = parser.parse_args()
    films = PhantomSettings(
        patients=chosen.test + chosen.seeds * chosen.participants, seed=20, long_side=(600, 640)
    )
    started = time.perf_counter()
    study, _ = make_tables(films)
    crops = draw(films)
    print(
        f"phantom figures; {films.patients} films drawn in {time.perf_counter() - started:.0f} s", flush=True
    )
    results = []
    with tempfile.TemporaryDirectory() as name:
        study.to_csv(Path(name, "JSL.csv"), index=False)
        table = read_cohort(Path(name, "JSL.csv"))
        table.loc[: table.index[0] + 2 * chosen.test - 1, "split"] = "test"
        others = list(table.loc[table["split"] == "", "participant"].unique())
        for seed in range(chosen.seeds):
            started = time.perf_counter()
            folder = Path(name, str(seed))
            mine = others[seed * chosen.participants : (seed + 1) * chosen.participants]
            learn(crops, table, mine, seed, folder)
            results.append(judged(folder))
            print(f"seed {seed} learned in {time.perf_counter() - started:.0f} s", flush=True)
    report(results, chosen.out)


def report(results: list[dict[str, Any]], out: Path) -> None:
    """Print and keep the figures of all seeds."""
    models = (*PARTS, *JOINT)
    interval = "{difference:+.3f} [{low:+.3f}, {high:+.3f}]".format
    rows: list[tuple[object, ...]] = [
        (
            str(seed),
            *(f"{each['auc'][name]:.3f}" for name in models),
            each["better"],
            *(interval(**each["against"][name]) for name in JOINT),
        )
        for seed, each in enumerate(results)
    ]
    by_model = {name: [each["auc"][name] for each in results] for name in models}
    means = [
        f"{statistics.mean(values):.3f} ± {statistics.stdev(values) if len(values) > 1 else 0:.3f}"
        for values in by_model.values()
    ]
    best = attainable_auc()
    rows.append(("mean ± SD", *means, *[""] * 3))
    known = [best["risk-factors"], best["image"], best["image"], *[best["image+factors"]] * 2]
    rows.append(("attainable", *(f"{value:.3f}" for value in known), *[""] * 3))
    show(("seed", *models, "better part", *(f"{name} − better part" for name in JOINT)), rows)
    counts = {}
    for name in JOINT:
        above = sum(each["against"][name]["difference"] >= 0 for each in results)
        equal = sum(each["against"][name]["high"] >= 0 for each in results)
        counts[name] = {"at_least_the_better": above, "not_worse": equal}
        print(
            f"{name}: at least the better part in {above} of {len(results)} seeds, not worse beyond what "
            f"{results[0]['knees']} knees can tell in {equal}"
        )
    figures = {"phantom": True, "attainable": best, "seeds": results, "counts": counts}
    groups = [str(seed) for seed in range(len(results))]
    keep(out, figures, bars("Phantom AUC by seed", groups, by_model, "AUC"), height=1 + 0.9 * len(results))


if __name__ == "__main__":
    main()
