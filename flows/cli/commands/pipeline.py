"""`jsl demo`, `jsl run`, `jsl train`, `jsl retrain`, `jsl phantom`: whole runs on phantom or real films."""

from pathlib import Path
from typing import Annotated, Any

from flows.cli.commands.check import check_before_run
from flows.cli.commands.models import decision_line
from flows.cli.commands.oai import oai as make_table
from flows.cli.options import Flat, FlatSeveral, RunOptions
from flows.cli.terminal import Bars
from flows.server.embedded import embedded_prefect
from jsl_core.config import (
    PhantomSettings,
    PipelineSettings,
    Preset,
    Regime,
    RetrainSettings,
    load_lab,
    load_pipeline,
)
from jsl_core.storage import work_folder

__all__ = ["demo", "phantom", "retrain", "run", "train"]

_GRADED = 3  # phantom films that the demo shows the shipped grader


def demo(folder: Path = Path("jsl-demo"), *, settings: Annotated[RunOptions | None, Flat] = None) -> None:
    """Run the whole pipeline on a phantom cohort: no server, no GPU, no download.

    Args:
        folder: Where the phantom films, the store and the report go.
    """
    options = {"store": str(folder / "store")} | _explicit_options(settings)
    run_settings = load_pipeline(None, "demo", options)
    films = PhantomSettings(patients=160, seed=0, long_side=(900, 1300))
    cohort = folder / "phantom"
    phantom(cohort, settings=films)
    places = {
        "scans": str(cohort / "scans"),
        "cohort": str(cohort / "JSL.csv"),
        "truth": str(cohort / "truth.json"),
        "store": run_settings.store,
    }
    _run(run_settings.model_copy(update=places))
    _grade_phantoms(cohort / "scans", folder / "shipped-grades.csv")


def _grade_phantoms(scans: Path, out: Path) -> None:
    """Show the shipped grader at work on a few of the phantom films, and that they are strange to it."""
    from itertools import islice

    from jsl_core.imaging import walk_scans
    from jsl_core.learning.model.ensemble import Ensemble
    from jsl_core.scoring.crops import crops_from_films
    from jsl_core.scoring.scores import encode_scores, score_crops
    from jsl_core.system.files import write_atomically

    grader = Ensemble.load([])
    films = [file.name for file in islice(walk_scans(scans), _GRADED)]
    rows = list(score_crops(grader, crops_from_films(scans, films, field=grader.crop_field)))
    with write_atomically(out) as file:
        file.write(encode_scores(rows))
    grades = ", ".join(f"{row['ID']} KL {row['kl_grade']}" for row in rows if not row.get("reason"))
    print(
        f"The shipped grader, which learned from real knees, on {len(films)} of these phantom films: "
        f"{grades}. A phantom is no knee: see the column strange of {out}."
    )


def run(
    file: Path | None = None,
    *,
    oai: Path | None = None,
    preset: Preset | None = None,
    settings: Annotated[RunOptions | None, Flat] = None,
) -> None:
    """Run the pipeline on your own scans and cohort table.

    Args:
        file: The run's settings in TOML; its paths are relative to it. Options override it.
        oai: A release of the Osteoarthritis Initiative: the table and the films are found in it.
        preset: The settings to start from; `preset = "…"` in the file does the same.
    """
    run_settings = load_pipeline(file, preset, _explicit_options(settings))
    if oai:
        table = work_folder(run_settings.store, run_settings.work) / "oai" / "JSL.csv"
        make_table(oai, table)
        films = table.with_name("JSL_scans.csv")
        places = {"scans": str(oai), "cohort": str(table), "films": str(films)}
        run_settings = run_settings.model_copy(update=places)
    _run(run_settings)


def train(
    regime: Regime,
    *,
    preset: Preset | None = None,
    settings: Annotated[RunOptions | None, Flat] = None,
) -> None:
    """Train one regime, and those it starts from, on a cohort table with Img_path or on scans, and report.

    Beside `kl` the baseline of the risk factors, which needs to know who progressed, is trained only if it is
    asked for.

    Args:
        regime: Which model; those that it starts from are trained, too.
        preset: The settings to start from.
    """
    options = _explicit_options(settings)
    training = options.setdefault("training", {})
    training["regimes"] = (regime,)
    if regime == "kl":
        training.setdefault("baseline", False)
    _run(load_pipeline(None, preset, options))


def retrain(
    file: Path | None = None,
    *,
    preset: Preset | None = None,
    regime: Regime | None = None,
    margin: float | None = None,
    settings: Annotated[RunOptions | None, Flat] = None,
) -> None:
    """Train on all that is labelled by now; the new model takes the champion's place if it is not worse.

    Args:
        file: The settings in TOML, as for jsl run; its table [retrain] has regime and margin.
        preset: The settings to start from; `preset = "…"` in the file does the same.
        regime: The line of models that is kept up to date; by default what the file says, or jsl-joint.
        margin: By how much the new model may be worse; by default what the file says, or 0.03.
    """
    lab = load_lab(file, _explicit_options(settings), preset)
    named = {name: value for name, value in (("regime", regime), ("margin", margin)) if value is not None}
    rule = RetrainSettings.model_validate(lab.rule.model_dump() | named)
    check_before_run(lab.settings)
    home = work_folder(lab.settings.store, lab.settings.work) / "prefect"
    with Bars() as bars, bars.follow_tasks(), embedded_prefect(home, "flows.retrain"):
        from flows.retrain import retrain as retrain_flow
        from tasks.caching import results_block

        flow = retrain_flow.with_options(result_storage=results_block(lab.settings.store))
        result = flow(lab.settings, rule=rule)
    print(f"\n{decision_line(result.decision)}\n\nReport: {result.report}")


def phantom(
    dst: Path,
    *,
    oai_layout: bool = False,
    settings: Annotated[PhantomSettings, FlatSeveral] = PhantomSettings(),
) -> None:
    """Write a synthetic cohort with known truth: DICOM films, JSL.csv, truth.csv and truth.json.

    Args:
        dst: The folder to write; what is already there and whole is not made again.
        oai_layout: Write it as a release of the Osteoarthritis Initiative, with all its quirks.
    """
    from jsl_core.phantom import write_phantom
    from jsl_core.phantom.oai import write_oai_release

    write = write_oai_release if oai_layout else write_phantom
    with Bars() as bars:
        write(dst, settings, progress=bars.callback("phantom films"))


def _explicit_options(settings: PipelineSettings | None) -> dict[str, Any]:
    """Only what was set on the command line."""
    return settings.model_dump(exclude_unset=True) if settings else {}


def _run(settings: PipelineSettings) -> None:
    check_before_run(settings)
    home = work_folder(settings.store, settings.work) / "prefect"
    with Bars() as bars, bars.follow_tasks(), embedded_prefect(home, "flows.pipeline"):
        # Prefect reads its environment when it is imported.
        from flows.pipeline import pipeline
        from tasks.caching import results_block

        published = pipeline.with_options(result_storage=results_block(settings.store))(settings)
    print(f"\n{published.table}\n\nReport: {published.report}")
