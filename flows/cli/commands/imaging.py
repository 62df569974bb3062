"""`jsl convert` and `jsl split`: plain folders in, plain folders out, no server."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from flows.cli.options import Flat
from flows.cli.terminal import Bars
from jsl_core.config import ConvertSettings, SplitSettings
from jsl_core.errors import BadSettings, JslError
from jsl_core.system.parallel import warm_up_workers

if TYPE_CHECKING:  # reading scans needs libraries that the other commands need not wait for
    from jsl_core.imaging import Pseudonyms

__all__ = ["convert", "pseudonyms_of", "split"]

_MODULES_OF_WORK = ("jsl_core.imaging.folder", "jsl_core.detection.look")


def convert(
    source: Path,
    target: Path,
    *,
    jobs: int = 0,
    pseudonymise: bool = False,
    pseudonym_key: Path | None = None,
    mapping: Path | None = None,
    settings: Annotated[ConvertSettings | None, Flat] = None,
) -> None:
    """DICOM scans to PNG, one each, with `scans.csv` and `rejected.csv`. A second run does only what is new.

    Args:
        source: Folder, zip or tar archive that holds the scans.
        target: Folder for the PNGs and tables.
        jobs: Worker processes; 0 for one per processor core.
        pseudonymise: Name files and participants by keyed pseudonyms.
        pseudonym_key: File that holds the key of the pseudonyms; without it JSL_PSEUDONYM_KEY does.
        mapping: With --pseudonymise: the table to write of which pseudonym stands for whom.
    """
    warm_up_workers(*_MODULES_OF_WORK)
    from jsl_core.detection.look import look_at_film
    from jsl_core.imaging import convert_folder

    with Bars() as bars:
        rows = convert_folder(
            source,
            target,
            settings or ConvertSettings(),
            look_at_film,
            jobs=jobs,
            pseudonyms=pseudonyms_of(pseudonymise, pseudonym_key, mapping),
            progress=bars.callback("convert"),
        )
    _print_outcome(rows, target / "scans.csv", mapping)


def split(
    source: Path,
    target: Path,
    *,
    jobs: int = 0,
    pseudonymise: bool = False,
    pseudonym_key: Path | None = None,
    mapping: Path | None = None,
    settings: Annotated[SplitSettings | None, Flat] = None,
    convert: Annotated[ConvertSettings | None, Flat] = None,
) -> None:
    """Films, DICOM or PNG, to `<participant>_<side>.png` with `knees.csv` and `rejected.csv`.

    Args:
        source: Folder, zip or tar archive that holds the films.
        target: Folder for the knees and tables.
        jobs: Worker processes; 0 for one per processor core.
        pseudonymise: Name files and participants by keyed pseudonyms.
        pseudonym_key: File that holds the key of the pseudonyms; without it JSL_PSEUDONYM_KEY does.
        mapping: With --pseudonymise: the table to write of which pseudonym stands for whom.
    """
    warm_up_workers(*_MODULES_OF_WORK)
    from jsl_core.detection.look import look_at_film
    from jsl_core.imaging import split_folder

    with Bars() as bars:
        rows = split_folder(
            source,
            target,
            settings or SplitSettings(),
            convert or ConvertSettings(),
            look_at_film,
            jobs=jobs,
            pseudonyms=pseudonyms_of(pseudonymise, pseudonym_key, mapping),
            progress=bars.callback("split"),
        )
    _print_outcome(rows, target / "knees.csv", mapping)


def pseudonyms_of(pseudonymise: bool, key: Path | None, mapping: Path | None) -> "Pseudonyms | None":
    """The pseudonyms that three options ask for; raises BadSettings where these contradict each other."""
    from jsl_core.imaging import load_pseudonyms

    if pseudonymise:
        return load_pseudonyms(key or "", reveal=mapping is not None)
    if mapping or key:
        option = "--mapping" if mapping else "--pseudonym-key"
        raise BadSettings(f"{option}: there are no pseudonyms; add --pseudonymise")
    return None


def _print_outcome(rows: list[dict[str, Any]], table: Path, mapping: Path | None) -> None:
    """Print how many files can be used; raises JslError if none can."""
    from jsl_core.imaging import write_mapping

    if mapping:
        write_mapping(mapping, rows)
    usable = sum(not row["reason"] for row in rows)
    if not usable:
        reason = f"{rows[0]['file']}: {rows[0]['sentence']}"
        raise JslError(
            f"none of {len(rows)} files can be used ({reason}); see {table.parent / 'rejected.csv'}"
        )
    print(f"{usable} of {len(rows)} in {table}")
