"""The release's films: DICOM files without suffix, in folders, in a zip and in archives of one series."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom import Dataset

from jsl_core.config import PhantomSettings
from jsl_core.phantom.anatomy import make_generator
from jsl_core.phantom.dicom import make_film_dataset, to_bytes
from jsl_core.phantom.encoding import draw_encoding, stored_values
from jsl_core.phantom.film import make_film
from jsl_core.phantom.oai.case import PlannedFilm
from jsl_core.system.files import write_atomically

__all__ = [
    "FilmMaker",
    "make_header_only_film",
    "make_phantom_film",
    "member_path",
    "write_film",
    "write_zip",
]

FilmMaker = Callable[[PhantomSettings, int, str, int], tuple[Dataset, str]]


def make_phantom_film(
    settings: PhantomSettings, index: int, participant: str, month: int = 0
) -> tuple[Dataset, str]:
    """Make the phantom's film of a participant and month, as a data set, and name its transfer syntax."""
    film = make_film(settings.seed, index, settings, month=month)
    encoding = draw_encoding(make_generator(settings.seed, index, "encoding", month))
    return make_film_dataset(
        stored_values(film, encoding), participant, film.spacing_mm, encoding
    ), encoding.syntax


def make_header_only_film(
    settings: PhantomSettings, index: int, participant: str, _month: int = 0
) -> tuple[Dataset, str]:
    """Make a film with a whole header and a picture of 16 × 16 pixels, where only headers matter."""
    encoding = draw_encoding(make_generator(settings.seed, index, "encoding"))
    return make_film_dataset(
        np.zeros((16, 16), np.uint16), participant, 0.2, encoding
    ), "ExplicitVRLittleEndian"


def member_path(film: PlannedFilm) -> str:
    """The film's path in the release: `<release>/<ID>/<YYYYMMDD>/<barcode>/001`."""
    return f"{film.release}/{film.participant}/{film.taken:%Y%m%d}/{film.barcode}/001"


def write_film(folder: Path, film: PlannedFilm, ds: Dataset, syntax: str) -> None:
    """Write a film below its visit's folder, in its own tar.gz where the film says so."""
    data = _encode_film(film, ds, syntax)
    path = folder / member_path(film)
    if film.storage == "tar":
        path = path.parent.with_suffix(".tar.gz")
        data = _pack_tar(data, f"{film.barcode}/001")
    with write_atomically(path) as file:
        file.write(data)


def write_zip(path: Path, films: list[tuple[PlannedFilm, Dataset, str]]) -> None:
    """Write films, each with its transfer syntax, into one zip."""
    with write_atomically(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for film, ds, syntax in films:
            archive.writestr(zipfile.ZipInfo(member_path(film)), _encode_film(film, ds, syntax))


def _encode_film(film: PlannedFilm, ds: Dataset, syntax: str) -> bytes:
    if film.storage == "damaged":
        return b"the transfer was cut off\n"
    ds.PatientID = film.header_participant or film.participant
    ds.StudyDate = film.header_date or f"{film.taken:%Y%m%d}"
    ds.AccessionNumber = film.header_barcode or f"0166{film.barcode}"
    ds.SeriesDescription = film.header_description or film.description
    ds.ClinicalTrialTimePointID = film.taken_at
    ds.ClinicalTrialTimePointDescription = film.time_point
    if film.barcode.startswith("1"):
        ds.Modality = "MR"
    return to_bytes(ds, syntax)


def _pack_tar(data: bytes, member: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
