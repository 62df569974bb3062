"""Scans that cannot be used, each for a known reason, which the quality gate must find."""

from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray
from pydicom import uid

from jsl_core.phantom.dicom import encode_film, make_film_dataset, to_bytes
from jsl_core.phantom.encoding import Encoding

__all__ = ["DEFECTS", "encode_defective"]

Values = NDArray[np.uint16]


def encode_defective(
    defect: str, values: Values, participant: str, spacing: float, encoding: Encoding, month: int = 0
) -> bytes:
    """Encode a scan with one of `DEFECTS`; the other arguments as for `encode_film`."""
    return DEFECTS[defect](values, participant, spacing, encoding, month)


def _truncated(values: Values, participant: str, spacing: float, encoding: Encoding, month: int) -> bytes:
    data = encode_film(
        values, participant, spacing, replace(encoding, syntax="ExplicitVRLittleEndian"), month
    )
    return data[: len(data) * 2 // 5]


def _not_dicom(values: Values, participant: str, spacing: float, encoding: Encoding, month: int) -> bytes:
    return b"film could not be retrieved from the archive\n"


def _no_pixels(values: Values, participant: str, spacing: float, encoding: Encoding, month: int) -> bytes:
    ds = make_film_dataset(values, participant, spacing, encoding, month)
    del ds.PixelData
    return to_bytes(ds, "ExplicitVRLittleEndian")


def _wrong_modality(
    values: Values, participant: str, spacing: float, encoding: Encoding, month: int
) -> bytes:
    ds = make_film_dataset(values, participant, spacing, encoding, month)
    ds.Modality, ds.SOPClassUID = "MR", uid.MRImageStorage
    return to_bytes(ds, "ExplicitVRLittleEndian")


def _wrong_view(values: Values, participant: str, spacing: float, encoding: Encoding, month: int) -> bytes:
    ds = make_film_dataset(values, participant, spacing, encoding, month)
    ds.ViewPosition, ds.SeriesDescription = "LL", "Lateral Right Knee"
    return to_bytes(ds, "ExplicitVRLittleEndian")


def _too_small(values: Values, participant: str, spacing: float, encoding: Encoding, month: int) -> bytes:
    step = max(values.shape) // 64
    return encode_film(
        np.ascontiguousarray(values[::step, ::step]), participant, spacing * step, encoding, month
    )


def _empty(values: Values, participant: str, spacing: float, encoding: Encoding, month: int) -> bytes:
    return encode_film(np.full_like(values, 1 << (encoding.bits - 1)), participant, spacing, encoding, month)


def _undecodable(values: Values, participant: str, spacing: float, encoding: Encoding, month: int) -> bytes:
    data = bytearray(
        encode_film(values, participant, spacing, replace(encoding, syntax="JPEG2000Lossless"), month)
    )
    begin = data.index(b"\xff\x4f\xff\x51") + 2  # past the codestream's first marker (ISO 15444-1 A.4.1)
    data[begin : begin + 200] = bytes(200)
    return bytes(data)


DEFECTS: dict[str, Callable[[Values, str, float, Encoding, int], bytes]] = {
    "truncated": _truncated,
    "not_dicom": _not_dicom,
    "no_pixels": _no_pixels,
    "wrong_modality": _wrong_modality,
    "wrong_view": _wrong_view,
    "too_small": _too_small,
    "empty": _empty,
    "undecodable": _undecodable,
}
