"""Damaged DICOM files by the thousand, the same ones for the same seed."""

import struct
from collections.abc import Callable

import numpy as np
from films import as_bytes, dicom, legs, stored
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    RLELossless,
)

Mutation = Callable[[bytearray, np.random.Generator], bytearray]

_ABSURD = (0, 1, 0x7FFF, 0x8000, 0xFFFE, 0xFFFF)


def whole_files() -> list[bytes]:
    """One small film in every way that pydicom alone can write it."""
    film = legs(96, 128)
    window = {"WindowCenter": 2000, "WindowWidth": 3000}
    syntaxes = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, RLELossless, DeflatedExplicitVRLittleEndian)
    files = [as_bytes(dicom(stored(film, 12), bits=12, syntax=syntax, **window)) for syntax in syntaxes]
    files.append(as_bytes(dicom(stored(film, 8))))
    files.append(as_bytes(dicom(stored(film, 16, signed=True), PhotometricInterpretation="MONOCHROME1")))
    files.append(as_bytes(dicom(np.stack([stored(film, 8)] * 3, -1))))
    return files


def mutated(number: int, seed: int, files: list[bytes]) -> bytes:
    """The file of that number: one of `files` with one to three kinds of damage."""
    rng = np.random.default_rng([seed, number])
    data = bytearray(files[rng.integers(len(files))])
    for kind in rng.choice(len(_KINDS), size=rng.integers(1, 4)):
        data = _KINDS[kind](data, rng)
    return bytes(data)


def _flip_bits(data: bytearray, rng: np.random.Generator) -> bytearray:
    header = rng.random() < 0.7
    for _ in range(rng.integers(1, 40)):
        data[rng.integers(min(len(data), 1200) if header else len(data))] ^= 1 << int(rng.integers(8))
    return data


def _truncate(data: bytearray, rng: np.random.Generator) -> bytearray:
    return data[: rng.integers(1, len(data))]


def _swap_tags(data: bytearray, rng: np.random.Generator) -> bytearray:
    places = [
        at for at in range(132, min(len(data) - 4, 1400), 2) if data[at : at + 2] in (b"\x08\0", b"\x28\0")
    ]
    if len(places) > 1:
        first, second = rng.choice(places, 2, replace=False)
        data[first : first + 4], data[second : second + 4] = (
            data[second : second + 4],
            data[first : first + 4],
        )
    return data


def _absurd_sizes(data: bytearray, rng: np.random.Generator) -> bytearray:
    tag = rng.choice([0x0002, 0x0008, 0x0010, 0x0011, 0x0100, 0x0101, 0x0102, 0x0103])
    at = data.find(struct.pack("<HH", 0x28, tag))
    if at >= 0 and at + 10 <= len(data):
        data[at + 8 : at + 10] = struct.pack("<H", rng.choice(_ABSURD))
    return data


def _absurd_lengths(data: bytearray, rng: np.random.Generator) -> bytearray:
    at = int(rng.integers(132, max(min(len(data), 1400), 133)))
    data[at : at + 4] = struct.pack("<I", rng.choice([0xFFFFFFFF, 0xFFFFFFFE, 0x7FFFFFFF, 0x00FFFFFF, 0]))
    return data


def _overwrite(data: bytearray, rng: np.random.Generator) -> bytearray:
    at = int(rng.integers(len(data)))
    data[at : at + 64] = rng.bytes(min(64, len(data) - at))
    return data


_KINDS: tuple[Mutation, ...] = (
    _flip_bits, _truncate, _swap_tags, _absurd_sizes, _absurd_lengths, _overwrite,
)  # fmt: skip
