"""Whether there is something to learn, checked before hours are spent."""

from collections.abc import Sequence

from jsl_core.dataset import PackedDataset
from jsl_core.errors import BadTable

__all__ = ["check_labels"]


def check_labels(packed: PackedDataset, columns: Sequence[str], model: str, folds: int = 0) -> None:
    """Check that the training and the validation knees have two values of each label at least.

    Args:
        packed: The dataset.
        columns: Of the labels.
        model: Its name in the message.
        folds: Rounds of the cross-validation, all of which are checked; 0 for the one split.

    Raises:
        BadTable: They have not.
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
