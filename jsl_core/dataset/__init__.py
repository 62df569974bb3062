"""The packed dataset: the joints of a cohort as one array beside its table; needs no PyTorch."""

from jsl_core.dataset.crops import fit_crop, read_crop
from jsl_core.dataset.packed import PackedDataset
from jsl_core.dataset.packing import pack, pack_from_paths

__all__ = ["PackedDataset", "fit_crop", "pack", "pack_from_paths", "read_crop"]
