"""A cohort table from folders of pictures: one folder per KL grade, below folders per split or not."""

import os
import re
from collections import Counter
from collections.abc import Collection, Iterator
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from jsl_core.cohort.columns import GRADE, SPLITS
from jsl_core.cohort.identity import refuse_near_equal_participants
from jsl_core.cohort.persons import parse_knee
from jsl_core.cohort.pictures import refuse_equal_files
from jsl_core.cohort.table import normalise_split
from jsl_core.errors import BadTable
from jsl_core.system.spreadsheet import format_csv

__all__ = ["PictureFolder", "read_picture_folder"]

_PICTURES = (".png", ".jpg", ".jpeg", ".bmp", ".tif", ".tiff", ".webp", ".gif", ".jp2", ".pgm")
_OF_SYSTEMS = ("thumbs.db", "desktop.ini", "__macosx")
_GRADE = re.compile(
    r"(?:kl|klg|grade|kl[ _-]?grade)?[ _-]?(?P<grade>[0-4])"
    r"(?:[ _-]*(?:normal|none|healthy|doubtful|mild|minimal|moderate|severe))?",
    re.IGNORECASE,
)


@dataclass(frozen=True)
class PictureFolder:
    """What folders of pictures hold.

    Attributes:
        table: A row per knee with `ID`, `participant`, `side`, `BL_KL_grade`, `split` and `Img_path`.
        others: How many other files lie there, by their suffix.
    """

    table: pd.DataFrame
    others: Counter[str]

    def to_csv(self) -> bytes:
        """The cohort table as a CSV file."""
        columns = ["ID", GRADE, *(["split"] if self.table["split"].ne("").any() else []), "Img_path"]
        return format_csv(self.table[columns]).encode("utf-8", "surrogateescape")


def read_picture_folder(folder: Path, beside: Path, skip: Collection[str] = ()) -> PictureFolder:
    """Make a cohort table of pictures in folders `0` to `4`, which lie below folders per split or not.

    A grade's folder may say more (`KL2`, `2Mild`), a split's be any word for it (`training`). The name of a
    picture tells the knee as an ID does: `1000126L.png`.

    Args:
        folder: The folder.
        beside: The folder of the table to be, from which `Img_path` leads to the pictures.
        skip: Names of folders that are left out.

    Raises:
        BadTable: If a picture lies in a folder that is neither grade nor split, or its name tells no knee; if
            a knee is there twice, a picture stands for two, two participants may be one person, or one is in
            two splits.
    """
    if not folder.is_dir():
        raise BadTable(f"{folder}: no such folder; give the one that holds a folder per grade")
    files = list(_walk(folder, {name.casefold() for name in skip}))
    pictures = [file for file in files if file.suffix.lower() in _PICTURES]
    if not pictures:
        raise BadTable(f"{folder}: there are no pictures; give the folder that holds a folder per grade")
    outer = _outer_folders(pictures)
    table = pd.DataFrame([_read_picture(folder, file, outer, beside) for file in pictures])
    _refuse_repeated_knees(table, folder)
    files_of = zip(table["Img_path"], table["participant"], strict=True)
    refuse_near_equal_participants(files_of, str(folder), "files")
    refuse_equal_files(table, beside, str(folder))
    others = Counter(file.suffix.lower() or "no suffix" for file in files)
    return PictureFolder(table, Counter({kind: n for kind, n in others.items() if kind not in _PICTURES}))


def _walk(folder: Path, skip: Collection[str]) -> Iterator[Path]:
    """The files below a folder by their paths from there, in the order of names, without those of systems."""
    for base, folders, files in os.walk(folder):
        folders[:] = sorted(name for name in folders if not _is_hidden(name) and name.casefold() not in skip)
        yield from (Path(base, name).relative_to(folder) for name in sorted(files) if not _is_hidden(name))


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in _OF_SYSTEMS


def _outer_folders(pictures: list[Path]) -> int:
    """How many folders around all pictures say nothing of grades and splits."""
    parts = pictures[0].parts[:-1]
    for depth, name in enumerate(parts):
        shared = all(len(file.parts) > depth + 1 and file.parts[depth] == name for file in pictures)
        if not shared or _GRADE.fullmatch(name) or normalise_split(name) in SPLITS:
            return depth
    return len(parts)


def _read_picture(folder: Path, file: Path, outer: int, beside: Path) -> dict[str, str | int]:
    """The row of a picture by its name and folders."""
    grades, splits = [], []
    for name in file.parts[outer:-1]:
        if match := _GRADE.fullmatch(name):
            grades.append(int(match["grade"]))
        elif normalise_split(name) in SPLITS:
            splits.append(normalise_split(name))
        else:
            raise BadTable(
                f"{folder / file}: folder {name} is neither a grade 0 to 4 nor a split; move it away, or "
                f"leave it out with --skip {name}"
            )
    if len(grades) != 1 or len(splits) > 1:
        raise BadTable(
            f"{folder / file}: lies in no folder of one grade, 0 to 4, and one split; move it there"
        )
    knee = parse_knee(file.stem)
    if knee is None:
        raise BadTable(
            f"{folder / file}: its name tells no participant and side; call it <participant>L or "
            "<participant>R"
        )
    return {
        "ID": f"{knee[0]}_{knee[1]}",
        "participant": knee[0],
        "side": knee[1],
        GRADE: grades[0],
        "split": splits[0] if splits else "",
        "Img_path": Path(os.path.relpath(folder / file, beside)).as_posix(),
    }


def _refuse_repeated_knees(table: pd.DataFrame, folder: Path) -> None:
    """Refuse a knee that is there twice, and a participant in two splits."""
    repeated = table[table["ID"].duplicated(keep=False)]
    if len(repeated):
        first, second, *_ = repeated.loc[repeated["ID"] == repeated["ID"].iloc[0], "Img_path"]
        raise BadTable(
            f"{folder}: knee {repeated['ID'].iloc[0]} is there twice, as {first} and {second}; keep one"
        )
    by_split = table.drop_duplicates(["participant", "split"])
    torn = by_split[by_split["participant"].duplicated(keep=False)]
    if len(torn):
        participant = torn["participant"].iloc[0]
        first, second, *_ = torn.loc[torn["participant"] == participant, "Img_path"]
        raise BadTable(
            f"{folder}: the knees of participant {participant} are in two splits, {first} and {second}; put "
            "both into the same one"
        )
