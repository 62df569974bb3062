"""`jsl models import`: models of the notebooks that this project grew from, as bundles."""

from pathlib import Path

__all__ = ["import_file"]


def import_file(file: Path, *, out: Path, cohort: Path | None = None) -> None:
    """Make a bundle of a model of the notebooks (KL_prediction.pt, joint_model.pt, multi_tasking_vgg.pt).

    The file is read as weights; nothing in it is run.

    Args:
        file: A state dict or a whole module that torch.save wrote.
        out: Folder for the bundle.
        cohort: Table whose means fill missing risk factors; a model with risk factors needs it.
    """
    from jsl_core.cohort import read_cohort
    from jsl_core.learning.model.notebook_files import import_notebook_model

    rows = read_cohort(cohort) if cohort else None
    regime = import_notebook_model(file, out, rows)
    print(f"{out}: a bundle of {regime}; jsl evaluate {out} --cohort TABLE measures it")
