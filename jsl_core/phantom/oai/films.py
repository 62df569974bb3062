"""The release's films: DICOM files without suffix, in folders, in a zip and in archives of one series."""

import io
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
from pydicom import Dataset

from jsl_core.config import PhantomSettings
from jsl_core.phantom.anatomy import stream
from jsl_core.phantom.dicom import film_dataset, to_bytes
from jsl_core.phantom.encoding import draw_encoding, stored_values
from jsl_core.phantom.film import make_film
from jsl_core.phantom.oai.case import PlannedFilm
from jsl_core.system.files import write_atomically

__all__ = ["Draw", "blank_film", "member_of", "phantom_film", "write_film", "write_zip"]

Draw = Callable[[PhantomSettings, int, str], tuple[Dataset, str]]


def phantom_film(settings: PhantomSettings, index: int, participant: str) -> tuple[Dataset, str]:
    """The phantom's film of this participant, and its transfer syntax."""
    film = make_film(settings.seed, index, settings)
    encoding = draw_encoding(stream(settings.seed, index, "encoding"))
    return film_dataset(
        stored_values(film, encoding), participant, film.spacing_mm, encoding
    ), encoding.syntax


def blank_film(settings: PhantomSettings, index: int, participant: str) -> tuple[Dataset, str]:
    """A film with a whole header and next to no picture, where only headers matter."""
    encoding = draw_encoding(stream(settings.seed, index, "encoding"))
    return film_dataset(np.zeros((16, 16), np.uint16), participant, 0.2, encoding), "ExplicitVRLittleEndian"


def member_of(film: PlannedFilm) -> str:
    """`<release>/<ID>/<YYYYMMDD>/<barcode>/001`."""
    return f"{film.release}/{film.participant}/{film.taken:%Y%m%d}/{film.barcode}/001"


def write_film(folder: Path, film: PlannedFilm, ds: Dataset, syntax: str) -> None:
    """Write a film below its visit's folder, in its own tar.gz where the film says so."""
    data = _bytes(film, ds, syntax)
    path = folder / member_of(film)
    if film.storage == "tar":
        path = path.parent.with_suffix(".tar.gz")
        data = _tarred(data, f"{film.barcode}/001")
    with write_atomically(path) as file:
        file.write(data)


def write_zip(path: Path, films: list[tuple[PlannedFilm, Dataset, str]]) -> None:
    """Write films into one zip."""
    with write_atomically(path) as file, zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for film, ds, syntax in films:
            archive.writestr(zipfile.ZipInfo(member_of(film)), _bytes(film, ds, syntax))


def _bytes(film: PlannedFilm, ds: Dataset, syntax: str) -> bytes:
    if film.storage == "damaged":
        return b"the transfer was cut off\n"
    ds.PatientID = film.header_participant or film.participant
    ds.StudyDate = film.header_date or f"{film.taken:%Y%m%d}"
    ds.AccessionNumber = film.header_barcode or f"0166{film.barcode}"
    ds.SeriesDescription = film.header_description or film.description
    ds.ClinicalTrialTimePointID = film.release[0].zfill(2)
    ds.ClinicalTrialTimePointDescription = film.time_point
    if film.barcode.startswith("1"):
        ds.Modality = "MR"
    return to_bytes(ds, syntax)


def _tarred(data: bytes, member: str) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        info = tarfile.TarInfo(member)
        info.size = len(data)
        tar.addfile(info, io.BytesIO(data))
    return buffer.getvalue()
