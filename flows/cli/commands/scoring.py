"""`jsl score` and `jsl evaluate`: trained models on plain folders and tables, without a server."""

import json
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

from cyclopts import Parameter
from cyclopts.validators import Number

from flows.cli.options import Flat, Nested
from flows.cli.terminal import Bars
from jsl_core.config import ConvertSettings, CropSettings, EvaluateSettings, PredictSettings, SplitSettings
from jsl_core.errors import BadSettings, BadTable, JslError
from jsl_core.system.spreadsheet import format_csv

if TYPE_CHECKING:  # PyTorch takes seconds to import, which the other commands need not wait for
    import pandas as pd

    from jsl_core.evaluation.saliency import SaliencyMethod
    from jsl_core.imaging import Pseudonyms
    from jsl_core.learning.model.ensemble import Ensemble
    from jsl_core.scans.rows import Row
    from jsl_core.scoring.scores import JointCrop

__all__ = ["FIELD", "evaluate", "knees_to_measure", "score"]

Several = Parameter(consume_multiple=True, negative="")

FIELD = Number(gt=0.3, lte=2)


def score(
    scans: Path,
    *,
    model: Annotated[tuple[Path, ...], Several] = (),
    factors: Path | None = None,
    out: Path = Path("scores.csv"),
    overlay: bool = False,
    saliency: Literal["gradient", "smoothgrad", "gradcam", "integrated"] = "gradcam",
    dicom: Path | None = None,
    widths: Path | None = None,
    pseudonymise: bool = False,
    pseudonym_key: Path | None = None,
    mapping: Path | None = None,
    field: Annotated[float | None, Parameter(validator=FIELD)] = None,
    jobs: int = 0,
    predict: Annotated[PredictSettings, Flat] = PredictSettings(),
    convert: Annotated[ConvertSettings, Nested] = ConvertSettings(),
    split: Annotated[SplitSettings, Nested] = SplitSettings(),
    crop: Annotated[CropSettings, Nested] = CropSettings(),
) -> None:
    """Score knees: DICOM films in, a table of KL probabilities and progression risks out.

    Args:
        scans: Folder, zip or tar archive of films, or a table of joint crops (CSV, .xlsx or .parquet with
            ID and Img_path).
        model: Model bundles or graders; several are averaged. By default the shipped grader, which predicts
            the KL grade.
        factors: Cohort table with the risk factors, for models that need them.
        out: The table to write: one row per knee, or per film that gave none, with its reason.
        overlay: Also write what the first model looked at, as PNG and as array, into a folder beside the
            table.
        saliency: How that is found out; a grader always shows its class activation map.
        dicom: Folder for results as DICOM: a structured report for each study, and a Secondary Capture for
            each film, which `jsl send` brings to a PACS. Each film is scored then, not each knee once.
        widths: With --dicom: a widths.csv of `jsl measure` on the same films, for the reports.
        pseudonymise: Name participants and files by keyed pseudonyms, and de-identify what --dicom writes.
        pseudonym_key: File that holds the key of the pseudonyms; without it JSL_PSEUDONYM_KEY does.
        mapping: With --pseudonymise: the table to write of which pseudonym stands for whom.
        field: Side of the crops cut from films as a multiple of the detected joint's box: 1 for models of
            this project's crops, 0.86 for models of crops as tight as 1.25 plateau widths. By default what
            the model says.
        jobs: Worker processes; 0 for one per processor core.
    """
    from flows.cli.commands.imaging import pseudonyms_of
    from jsl_core.cohort import TABLE_SUFFIXES, read_cohort
    from jsl_core.imaging import write_mapping
    from jsl_core.learning.model.ensemble import Ensemble
    from jsl_core.scoring.crops import crop_settings_for, crops_from_scans, crops_from_table
    from jsl_core.scoring.scores import encode_scores, pseudonymise_row, score_crops
    from jsl_core.system.files import write_atomically

    is_table = scans.suffix.lower() in TABLE_SUFFIXES
    if dicom and is_table:
        raise BadSettings("--dicom: a table of crops has no films; give the folder of the films")
    pseudonyms = pseudonyms_of(pseudonymise, pseudonym_key, mapping)
    ensemble = Ensemble.load(model, predict.device)
    table = read_cohort(factors, any_split=True) if factors else None
    ensemble.check_factors(table, f"--factors {factors or 'TABLE'}")
    folder = out.with_name(f"{out.stem}_overlays")
    write_overlays = _overlay_writer(ensemble, folder, saliency, pseudonyms) if overlay else _write_nothing
    with Bars() as bars:
        if is_table:
            crops = read_cohort(scans, needs=["Img_path"], any_split=True)
            knees = crops_from_table(crops, scans.parent, bars.callback("crops"))
        else:
            view = crop_settings_for(crop, ensemble.field_mm)
            knees = crops_from_scans(
                scans,
                convert,
                split,
                view,
                field=field or ensemble.crop_field,
                jobs=jobs,
                progress=bars.callback("films"),
            )
        every_film = dicom is not None
        rows = list(score_crops(ensemble, knees, table, predict.flip, write_overlays, every_film=every_film))
        if dicom:
            from flows.cli.commands.pacs import write_dicom

            files = write_dicom(rows, scans, dicom, model, convert, pseudonyms, widths, jobs, bars)
    if pseudonyms:
        rows = [pseudonymise_row(row, pseudonyms) for row in rows]
    if mapping:
        write_mapping(mapping, rows)
    with write_atomically(out) as file:
        file.write(encode_scores(rows))
    scored = sum(not row.get("reason") for row in rows)
    if not scored:
        raise JslError(f"none of {len(rows)} could be scored ({rows[0]['sentence']}); see {out}")
    print(f"{scored} knees scored, {len(rows) - scored} rows with a reason instead: {out}")
    if dicom:
        print(f"{files} results as DICOM: {dicom}")


def evaluate(
    *bundles: Path,
    cohort: Path,
    split: str = "",
    scans: Path | None = None,
    json_file: Annotated[Path | None, Parameter(name="--json")] = None,
    predictions: Path | None = None,
    submit: Path | None = None,
    submit_cohort: str = "",
    submit_name: str = "",
    field: Annotated[float | None, Parameter(validator=FIELD)] = None,
    jobs: int = 0,
    predict: Annotated[PredictSettings, Flat] = PredictSettings(),
    settings: Annotated[EvaluateSettings, Flat] = EvaluateSettings(),
    crop: Annotated[CropSettings, Nested] = CropSettings(),
) -> None:
    """Measure models on a labelled cohort: each alone, all of them averaged, and every two compared.

    Args:
        bundles: Model bundles or graders; by default the shipped grader.
        cohort: Table with ID (or participant and side), labels and, unless scans are given, Img_path
            (relative to the table); docs/evaluation.md tells which other names are understood.
        split: The rows to measure on by the table's column split, or all; by default test, or all where the
            table has no splits.
        scans: Folder or archive of films to take the knees from, instead of Img_path.
        json_file: File for all figures.
        predictions: CSV file for what every model says of every knee.
        submit: File for a card of the model, or of all averaged, for the leaderboard; or a folder for a card
            of each. Nobody can be read from it (docs/leaderboard.md).
        submit_cohort: What the cohort is called on the card; by default what its table is.
        submit_name: What the model is called on the card; by default what kind it is.
        field: Side of the crops cut from films as a multiple of the detected joint's box: 1 for models of
            this project's crops, 0.86 for models of crops as tight as 1.25 plateau widths. By default what
            the model says.
        jobs: Worker processes; 0 for one per processor core.
    """
    from jsl_core.cohort import read_cohort
    from jsl_core.learning.model.ensemble import Ensemble
    from jsl_core.scoring.evaluate import evaluate_ensemble, select_split
    from jsl_core.scoring.text_tables import format_figures
    from jsl_core.system.files import write_atomically

    ensemble = Ensemble.load(bundles, predict.device)
    table = read_cohort(cohort, needs=[] if scans else ["Img_path"], any_split=True)
    rows, part = select_split(table, split)
    cards = None
    if submit:
        from flows.cli.commands.validate import is_phantom
        from jsl_core.scoring.cards import CardMaker

        name = submit_cohort or cohort.stem
        phantom = is_phantom(cohort)
        cards = CardMaker.of(ensemble, bundles, table, rows, part, name, phantom, submit_name)
    with Bars() as bars:
        knees = knees_to_measure(ensemble, rows, cohort, scans, field, crop, jobs, bars)
        flip = None if predict.flip == "auto" else predict.flip == "on"
        figures, prediction_table = evaluate_ensemble(
            ensemble, knees, rows, settings, flip, bars.callback("knees")
        )
    figures = {"cohort": cohort.name, "part": part, **figures}
    if json_file:
        with write_atomically(json_file) as file:
            file.write((json.dumps(figures, indent=1, allow_nan=False) + "\n").encode())
    if predictions:
        with write_atomically(predictions) as file:
            content = format_csv(prediction_table, float_format="%.9g")
            file.write(content.encode())
    print(f"{cohort.name}, {part}: {format_figures(figures)}")
    if cards and submit:
        written = cards.write(figures, submit)
        print(f"\n{', '.join(map(str, written))}")


def knees_to_measure(
    ensemble: "Ensemble",
    rows: "pd.DataFrame",
    cohort: Path,
    scans: Path | None,
    field: float | None,
    crop: CropSettings,
    jobs: int,
    bars: Bars,
) -> "Iterator[JointCrop | Row]":
    """The joint crops of a cohort: cut from films, or the pictures that its table names.

    Args:
        ensemble: The models, which say how crops are to be cut.
        rows: Of the cohort table.
        cohort: The table, which `Img_path` is relative to; of several visits its `Scan` names the films.
        scans: The films; None for the pictures.
        field: Side of the crops as a multiple of the joint's box; None for what the models say.
        crop: How joints are found and cut.
        jobs: Worker processes.
        bars: Show how far the films are.

    Raises:
        BadTable: If the table has visits, and does not name the film of each.
    """
    from jsl_core.cohort.columns import VISIT
    from jsl_core.scans.visits import visits_of_films
    from jsl_core.scoring.crops import crop_settings_for, crops_from_scans, crops_from_table

    if scans is None:
        return crops_from_table(rows, cohort.parent)
    visits = visits_of_films(cohort) if VISIT in rows else None
    if visits == {}:
        raise BadTable(
            f"{cohort.name}: has a column visit, and none that names the film of each row; add the column "
            "Scan, or give crops by Img_path"
        )
    return crops_from_scans(
        scans,
        ConvertSettings(),
        SplitSettings(),
        crop_settings_for(crop, ensemble.field_mm),
        field=field or ensemble.crop_field,
        jobs=jobs,
        progress=bars.callback("films"),
        visits=visits,
    )


def _overlay_writer(
    ensemble: "Ensemble", folder: Path, method: "SaliencyMethod", pseudonyms: "Pseudonyms | None"
) -> "Callable[[Sequence[JointCrop], pd.DataFrame], None]":
    """A function that writes the overlays of a batch of scored knees."""
    from jsl_core.imaging.names import encode_name
    from jsl_core.scoring.overlays import encode_overlays
    from jsl_core.system.files import write_atomically

    bundle = ensemble.image_bundle
    if bundle is None:
        raise BadSettings("--overlay: none of the models looks at images; leave it out")

    def write(crops: "Sequence[JointCrop]", table: "pd.DataFrame") -> None:
        overlays = encode_overlays(bundle, [crop.pixels for crop in crops], table, method)
        for crop, files in zip(crops, overlays, strict=True):
            name = f"{pseudonyms(crop.participant)}_{crop.side}" if pseudonyms else crop.ID
            for ending, data in zip((".png", ".npy"), files, strict=True):
                with write_atomically(folder / f"{encode_name(name)}{ending}") as file:
                    file.write(data)

    return write


def _write_nothing(crops: "Sequence[JointCrop]", table: "pd.DataFrame") -> None:
    """No overlays."""
