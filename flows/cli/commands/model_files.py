"""`jsl models ship` and `jsl models fetch`: models made to be passed on, and models taken from others."""

from pathlib import Path
from typing import TYPE_CHECKING

from jsl_core.errors import JslError

if TYPE_CHECKING:
    import numpy as np
    import pandas as pd

__all__ = ["fetch", "ship"]


def ship(bundle: Path, dst: Path, *, cohort: Path, field: float = 0.86) -> None:
    """Make a grader of a kl bundle: small, free of participants, and run without PyTorch.

    Args:
        bundle: A bundle of regime kl on an EfficientNet-Lite, as preset kl trains it.
        dst: Folder for the grader.
        cohort: The table that the bundle was trained with (ID, Img_path, split): its training part shows what
            is usual, its validation part where strangeness begins.
        field: Side of the crops to be cut from films as a multiple of the detected joint's box: 0.86 for a
            model of crops as tight as 1.25 plateau widths.
    """
    from jsl_core.cohort import read_cohort
    from jsl_core.learning.model.bundle import ModelBundle
    from jsl_core.learning.model.grader_export import export_grader

    model = ModelBundle.load(bundle)
    table = read_cohort(cohort, needs=["Img_path", "split"])
    parts = {part: _read_crops(table[table["split"] == part], cohort, model) for part in ("train", "val")}
    counts = {part: len(crops) for part, crops in parts.items()}
    persons = {part: int(table.loc[table["split"] == part, "participant"].nunique()) for part in parts}
    made = {
        "regime": model.regime,
        "backbone": model.network.spec.backbone,
        "dataset": model.dataset,
        "knees": counts,
        "participants": persons,
        "settings": model.settings,
    }
    grader = export_grader(model, dst, parts["train"], parts["val"], crop_field=field, made=made)
    size = sum(file.stat().st_size for file in dst.iterdir() if file.is_file())
    print(f"{dst}: a grader of {size / 1e6:.1f} MB; strange beyond {grader.record.strange_from:.3f}")


def fetch(source: str, dst: Path, *, sha256: str) -> None:
    """Fetch a model from a file or an address that you name, checked by its digest.

    Args:
        source: A zip or tar archive of a bundle or grader: a path, or an http(s) address. Nothing is fetched
            from anywhere unless it is named here.
        dst: Folder for the model; it appears when the model is whole and has been judged.
        sha256: The archive's SHA-256, which its publisher tells.
    """
    from jsl_core.learning.model.fetch import fetch_model

    print(f"{dst}: {fetch_model(source, dst, sha256)}")


def _read_crops(rows: "pd.DataFrame", cohort: Path, model: "object") -> "np.ndarray":
    """The crops of a table as the model takes them, left knees mirrored if it mirrors them."""
    import numpy as np

    from jsl_core.dataset import fit_crop, read_crop
    from jsl_core.learning.model.bundle import ModelBundle

    assert isinstance(model, ModelBundle)
    if rows.empty:
        raise JslError(f"{cohort}: no knees of split train, or none of val; name the table of the training")
    crops = [fit_crop(read_crop(cohort.parent, path), model.size) for path in rows["Img_path"]]
    mirrored = [model.mirror_left and side == 2 for side in rows["side"]]
    return np.stack([crop[:, ::-1] if mirror else crop for crop, mirror in zip(crops, mirrored, strict=True)])
