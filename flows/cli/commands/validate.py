"""`jsl validate`: the external validation of models on another cohort."""

from dataclasses import asdict
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Literal

from cyclopts import Parameter

from flows.cli.commands.scoring import FIELD, knees_to_measure
from flows.cli.options import Flat, Nested
from flows.cli.terminal import Bars
from jsl_core import __version__
from jsl_core.config import CropSettings, EvaluateSettings, PredictSettings
from jsl_core.errors import BadSettings

__all__ = ["is_phantom", "validate"]


def validate(
    *bundles: Path,
    cohort: Path,
    split: str = "all",
    scans: Path | None = None,
    development: Path | None = None,
    known: Literal["refuse", "leave-out", "other-people"] = "refuse",
    out: Path = Path("validation"),
    save: Path | None = None,
    field: Annotated[float | None, Parameter(validator=FIELD)] = None,
    jobs: int = 0,
    predict: Annotated[PredictSettings, Flat] = PredictSettings(),
    settings: Annotated[EvaluateSettings, Flat] = EvaluateSettings(),
    crop: Annotated[CropSettings, Nested] = CropSettings(),
) -> None:
    """Validate models on a cohort they were not made on, before and after recalibration.

    Args:
        bundles: Model bundles or graders; by default the shipped grader.
        cohort: The other cohort's table with ID (or participant and side), labels and, unless scans are
            given, Img_path; docs/validation.md tells how MOST, CHECK or a hospital's export becomes one.
        split: The rows to validate on by the table's column split; by default all.
        scans: Folder or archive of films to take the knees from, instead of Img_path.
        development: The cohort table that the models learned from, for the comparison of case mix.
        known: Participants whom a model learned from or was chosen on: refuse such a cohort, leave them out,
            or take them for other people who have the same numbers by chance.
        out: Folder for validation.html, the page, and validation.json, all figures.
        save: Folder for a new bundle, the one bundle given with intercept and slope fitted to all of these
            knees; the page's figures are of fits that did not see the knees they are judged on.
        field: Side of the crops cut from films as a multiple of the detected joint's box; by default what the
            model says.
        jobs: Worker processes; 0 for one per processor core.
    """
    from jsl_core.cohort import read_cohort
    from jsl_core.cohort.outcomes import USUAL_OUTCOME, describe_outcome_of
    from jsl_core.evaluation.validation.page import write_validation
    from jsl_core.evaluation.validation.sentences import describe_doubts, describe_target
    from jsl_core.evaluation.validation.tables import each_target
    from jsl_core.learning.model.ensemble import Ensemble
    from jsl_core.scoring.evaluate import select_split
    from jsl_core.scoring.model_identity import identify_each, identify_models
    from jsl_core.scoring.recalibrated import check_recalibrable, save_recalibrated
    from jsl_core.scoring.validate import check_targets, settle_known_persons, validate_ensemble
    from jsl_core.system.machine import describe_machine, describe_software

    if save:
        if len(bundles) != 1 or known == "other-people":
            raise BadSettings(
                "--save: recalibrates one bundle, on people whose numbers are their own; give one, and "
                "--known leave-out"
            )
        check_recalibrable(bundles[0], save)
    ensemble = Ensemble.load(bundles, predict.device)
    table = read_cohort(cohort, needs=[] if scans else ["Img_path"], any_split=True)
    origin = read_cohort(development, any_split=True) if development else None
    rows, part = select_split(table, split)
    rows, persons = settle_known_persons(ensemble, rows, known, cohort.name)
    check_targets(ensemble, rows, cohort.name)
    with Bars() as bars:
        knees = knees_to_measure(ensemble, rows, cohort, scans, field, crop, jobs, bars)
        flip = None if predict.flip == "auto" else predict.flip == "on"
        figures, predictions = validate_ensemble(
            ensemble,
            knees,
            rows,
            settings,
            development=origin,
            flip=flip,
            progress=bars.callback("knees"),
        )
    identities = zip(ensemble.members, identify_each(bundles), strict=True)
    figures = {
        "format": 1,
        "cohort": cohort.name,
        "part": part,
        "known": persons,
        "outcome": describe_outcome_of(rows),
        "predicted_outcome": identify_models(bundles).outcome or USUAL_OUTCOME,
        "phantom": is_phantom(cohort),
        "program": __version__,
        "date": f"{datetime.now(UTC):%Y-%m-%d}",
        "software": describe_software(),
        "machine": describe_machine(),
        "identities": {member.name: asdict(identity) for member, identity in identities},
        **figures,
    }
    files = write_validation(figures, out)
    if save:
        [(name, model)] = figures["models"].items()
        line = model["targets"].get("progression", {}).get("line", {"intercept": None, "slope": None})
        save_recalibrated(bundles[0], line, predictions[name], cohort.name, figures["outcome"], save)
        files.append(save)
    for model, title, one in each_target(figures):
        if "reason" not in one:
            print(describe_target(model, title, one))
    for name, doubt in describe_doubts(figures):
        print(f"{name}: {doubt}.")
    print(", ".join(map(str, files)))


def is_phantom(cohort: Path) -> bool:
    """Whether a cohort table lies beside the truth that only phantoms have."""
    return any((cohort.parent / name).is_file() for name in ("truth.json", "truth.csv"))
