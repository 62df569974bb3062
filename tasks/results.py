"""Results for a PACS: a report for each study and a picture for each film, of films that have landed."""

import tempfile
from collections.abc import Sequence
from pathlib import Path

from jsl_core.cohort import read_cohort
from jsl_core.config import ConvertSettings, CropSettings, SplitSettings
from jsl_core.errors import BadTable
from jsl_core.learning.model.ensemble import Ensemble
from jsl_core.scans.listing import names_behind
from jsl_core.scoring.crops import crop_settings_for, crops_from_films
from jsl_core.scoring.model_identity import identify_models
from jsl_core.scoring.scores import score_crops
from jsl_core.storage import Artifact, checkout, put_tree
from tasks.caching import Placement, stage
from tasks.progress import Progress

__all__ = ["results"]


@stage("results", version=1)
def results(
    scans: Sequence[Artifact],
    champion: Artifact | None,
    factors: Artifact | None,
    convert: ConvertSettings,
    split: SplitSettings,
    crop: CropSettings,
    placement: Placement,
) -> Artifact:
    """Score films each by itself, and write their results as DICOM; the tree of the files.

    The champion scores, or the shipped grader where there is none, or where nothing is known of the risk
    factors that the champion needs.
    """
    from jsl_core.detection.look import look_at_film
    from jsl_core.pacs.results import ResultsJob, write_results

    store = placement.open()
    folders = [checkout(store, champion, placement.folder("trees"))] if champion else []
    ensemble, table = Ensemble.load(folders), None
    with tempfile.TemporaryDirectory() as folder:
        if factors:
            table = read_cohort(store.fetch(factors, Path(folder, factors.name)), any_split=True)
        try:
            ensemble.check_factors(table, "cohort")
        except BadTable:
            folders, table = [], None
            ensemble = Ensemble.load(folders)
        source, pseudonyms = Path(placement.scans), placement.pseudonyms()
        names = [scan.name for scan in scans]
        if pseudonyms:
            behind = names_behind(source, pseudonyms, names)
            names = [behind.get(name, name) for name in names]
        progress = Progress("results", len(names))
        films = crops_from_films(
            source,
            names,
            convert,
            split,
            crop_settings_for(crop, ensemble.field_mm),
            field=ensemble.crop_field,
            jobs=placement.jobs,
            progress=lambda done, total: progress.step(),
        )
        rows = list(score_crops(ensemble, films, table, every_film=True))
        job = ResultsJob(
            source=source,
            out=Path(folder, "dicom"),
            model=identify_models(folders),
            look=look_at_film,
            convert=convert,
            pseudonyms=pseudonyms,
        )
        job.out.mkdir()
        write_results(rows, job, placement.jobs)
        return put_tree(store, job.out, "results.json")
