"""Whether there is something to learn, before hours are spent on a part of it."""

from collections.abc import Sequence

from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadTable

__all__ = ["check_labels"]


def check_labels(packed: PackedDataset, columns: Sequence[str], model: str, folds: int = 0) -> None:
    """That the knees learned from and those for validation have two values of each column at least.

    With `folds`, in every round of the cross-validation. Raises `BadTable`.
    """
    for number in range(folds or 1):
        table = packed.fold(number, folds).table if folds else packed.table
        for split in ("train", "val"):
            for column, classes in table.loc[table["split"] == split, list(columns)].nunique().items():
                if classes < 2:
                    count = "no knee with" if classes == 0 else "only one value of"
                    where, advice = (f"fold {number + 1} of {folds}: ", "; use fewer") if folds else ("", "")
                    raise BadTable(
                        f"{where}the {split} part has {count} {column}; {model} needs at least two to learn "
                        f"from{advice}"
                    )
