"""PNGs hold the very pixels, the spacing, and nothing else."""

import io
import struct

import numpy as np
import pytest
from films import legs
from PIL import Image

from jsl_core.errors import BadScan
from jsl_core.imaging import decode_png, encode_png

RNG = np.random.default_rng(0)


@pytest.mark.parametrize("kind", [np.uint8, np.uint16])
@pytest.mark.parametrize("shape", [(1, 1), (3, 5), (64, 97)])
def test_other_readers_find_the_very_pixels(kind: type, shape: tuple[int, int]) -> None:
    noise = RNG.integers(0, np.iinfo(kind).max + 1, shape).astype(kind)
    for image in (noise, np.zeros(shape, kind), noise[:, ::-1]):
        png = encode_png(image)
        assert np.array_equal(np.asarray(Image.open(io.BytesIO(png))), image)
        assert np.array_equal(decode_png(png), image)
        assert decode_png(png).dtype == kind


def test_spacing_is_the_only_metadata() -> None:
    png = encode_png(np.zeros((4, 4), np.uint8), (0.2, 0.1))
    kinds, at = [], 8
    while at < len(png):
        kinds.append(png[at + 4 : at + 8])
        at += 12 + struct.unpack(">I", png[at : at + 4])[0]
    assert kinds == [b"IHDR", b"pHYs", b"IDAT", b"IEND"]
    assert Image.open(io.BytesIO(png)).info["dpi"] == pytest.approx((254, 127))  # along x, along y


def test_films_are_smaller_than_by_zlib_at_its_best() -> None:
    film = np.rint(legs(400, 500) * 255).astype(np.uint8)
    best = io.BytesIO()
    Image.fromarray(film).save(best, "png", compress_level=9)
    assert len(encode_png(film)) < 1.05 * len(best.getvalue())


@pytest.mark.parametrize("data", [b"", b"\x89PNG\r\n\x1a\n", b"no picture at all"])
def test_what_is_no_picture_is_rejected(data: bytes) -> None:
    with pytest.raises(BadScan):
        decode_png(data)
