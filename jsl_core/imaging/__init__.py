"""Radiographs in, right and left knees out."""

from jsl_core.imaging.folder import convert_folder, split_folder, write_mapping
from jsl_core.imaging.look import FilmLook, Look, SeenJoint
from jsl_core.imaging.names import Pseudonyms
from jsl_core.imaging.png import Image, decode_png, encode_png
from jsl_core.imaging.pseudonym_key import load_pseudonyms
from jsl_core.imaging.records import KneeRecord, ScanRecord
from jsl_core.imaging.sources import ScanFile, read_scan, walk_scans
from jsl_core.imaging.stages import convert_scan, split_film

__all__ = [
    "FilmLook",
    "Image",
    "KneeRecord",
    "Look",
    "Pseudonyms",
    "ScanFile",
    "ScanRecord",
    "SeenJoint",
    "convert_folder",
    "convert_scan",
    "decode_png",
    "encode_png",
    "load_pseudonyms",
    "read_scan",
    "split_film",
    "split_folder",
    "walk_scans",
    "write_mapping",
]
