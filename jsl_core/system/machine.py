"""What a result was made with: the machine and the versions of what computes."""

import os
import platform
from collections.abc import Iterable
from importlib import metadata
from pathlib import Path

__all__ = ["describe_machine", "describe_software"]

_LIBRARIES = (
    "torch",
    "torchvision",
    "numpy",
    "scipy",
    "scikit-learn",
    "pandas",
    "opencv-python-headless",
    "pydicom",
)
_GIB = 2**30


def describe_machine() -> str:
    """Processor, cores that this process may use, memory and NVIDIA GPUs, in one line."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    parts = [f"{cores} cores of {_processor()}"]
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / _GIB
    parts.append(f"{memory:.0f} GiB")
    parts += _field_of(Path("/proc/driver/nvidia/gpus").glob("*/information"), "Model")
    return ", ".join(parts)


def describe_software() -> str:
    """Operating system, Python, and the libraries that compute, with their versions, in one line."""
    parts = [f"{platform.system()} {platform.machine()}", f"Python {platform.python_version()}"]
    for name in _LIBRARIES:
        try:
            parts.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(parts)


def _processor() -> str:
    names = _field_of([Path("/proc/cpuinfo")], "model name")
    return names[0] if names else platform.machine()


def _field_of(files: Iterable[Path], name: str) -> list[str]:
    """The values of a field in files of `name: value` lines; nothing of a file that cannot be read."""
    values = []
    for file in files:
        try:
            lines = file.read_text().splitlines()
        except OSError:
            continue
        values += [line.partition(":")[2].strip() for line in lines if line.partition(":")[0].strip() == name]
    return values
