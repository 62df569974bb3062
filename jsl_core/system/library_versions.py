"""The versions of other people's packages, as far as they reach results."""

import platform
from collections.abc import Iterable
from functools import cache
from importlib import metadata

__all__ = ["library_versions", "versions_of"]

# The distribution that brings each package, where the names differ.
_DISTRIBUTIONS = {
    "PIL": "pillow",
    "cv2": "opencv-python-headless",
    "gdcm": "python-gdcm",
    "sklearn": "scikit-learn",
    "yaml": "pyyaml",
    "zlib_ng": "zlib-ng",
}

# How many numbers of a version count. What is not here counts by its first two: those change when a library's
# behaviour may, and a patch release of pandas is to retrain nothing.
_ALL = 99
_COUNTED = {
    # They decide pixels: a patch release of a decoder or a resampler may mend what a film looks like.
    "PIL": _ALL,
    "cv2": _ALL,
    "gdcm": _ALL,
    "pydicom": _ALL,
    # They decide weights and probabilities.
    "timm": _ALL,
    "torch": _ALL,
    "torchvision": _ALL,
    # They reach no result: settings are in the key by value, a PNG has the same pixels however it is packed,
    # weights are read as they were written, and the others move what was made, or show how far it is.
    "boto3": 0,
    "botocore": 0,
    "prefect": 0,
    "pydantic": 0,
    "safetensors": 0,
    "tensorboard": 0,
    "zlib_ng": 0,
}

# Libraries take these where they are installed; no line of ours imports them.
_PLUGINS = {
    "cv2": ("opencv-python", "opencv-contrib-python", "opencv-contrib-python-headless"),  # the same package
    "pydicom": ("pylibjpeg", "pylibjpeg-libjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle", "pyjpegls"),
    "sklearn": ("scipy",),  # its solvers
}


def library_versions(packages: Iterable[str], exact: bool = False) -> dict[str, str]:
    """Find the versions that results depend on.

    Args:
        packages: The names under which they are imported.
        exact: Count whole versions, of all packages and of Python, with builds (`2.9.0+cpu`).

    Returns:
        The version of each distribution as far as it counts; `absent` where it is not installed.
    """
    # Between two versions of Python sums of floats differ in the last bit, which no figure shows.
    versions = {"python": platform.python_version()} if exact else {}
    for package in sorted(packages):
        count = _COUNTED.get(package, 2)
        if count or exact:
            found = versions_of([_distribution(package), *_PLUGINS.get(package, ())])
            versions |= found if exact else {name: _shortened(one, count) for name, one in found.items()}
    return versions


def versions_of(distributions: Iterable[str]) -> dict[str, str]:
    """Find the whole version of each distribution, `absent` where it is not installed."""
    return {distribution: _version(distribution) for distribution in distributions}


def _shortened(version: str, count: int) -> str:
    public = version.partition("+")[
        0
    ]  # builds for processors and for GPUs: where a run is at work is in no key
    return ".".join(public.split(".")[:count])


@cache
def _version(distribution: str) -> str:
    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "absent"


@cache
def _distribution(package: str) -> str:
    known = _DISTRIBUTIONS.get(package, package)
    if _version(known) != "absent":
        return known
    # As `opencv-python` brings `cv2`, too. Asking what brings what takes a fifth of a second.
    return min(metadata.packages_distributions().get(package, [known]))
