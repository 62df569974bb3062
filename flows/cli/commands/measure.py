"""`jsl measure` and `jsl label`: joint space width, and its loss between two visits, without a server."""

from pathlib import Path
from typing import TYPE_CHECKING

from flows.cli.terminal import Bars
from jsl_core.errors import JslError

if TYPE_CHECKING:
    from pandas import DataFrame

__all__ = ["label", "measure"]


def measure(
    src: Path,
    dst: Path,
    *,
    overlay: bool = False,
    sides: Path | None = None,
    readings: Path | None = None,
    cohort: Path | None = None,
    corrections: Path | None = None,
    jobs: int = 0,
) -> None:
    """Measure the joint space; writes widths.csv, and a mask of the joint space for each knee.

    Args:
        src: Folder or archive of films (DICOM or pictures), of split knees, or of joint crops.
        dst: Folder for widths.csv, masks and overlays.
        overlay: Also draw the margins and the least widths over each joint.
        sides: Table with ID and Img_path, which tells the side of joint crops whose name does not.
        readings: What readers measured on the same films: the table of jsl oai, or a kxr_qjsw_duryea file of
            the release. How far both agree, by KL grade, goes to DST/agreement.csv.
        cohort: Table of a cohort; with the least widths joined to it, it goes to DST/cohort.csv, for
            training with factors = "measured".
        corrections: A corrections.csv of jsl review, by whose boxes, sides and margins films are measured.
        jobs: Worker processes; 0: one per processor core.
    """
    from jsl_core.review.corrections import Corrections
    from jsl_core.review.corrections_file import read_acts
    from jsl_core.width.folder import MeasureJob, measure_folder
    from jsl_core.width.join import write_joined
    from jsl_core.width.readings import compare_widths, read_readings
    from jsl_core.width.sides import read_sides

    read = read_readings(readings) if readings else None
    films = Corrections.of(read_acts(corrections)).films if corrections else {}
    job = MeasureJob(dst, overlay, read_sides(sides) if sides else {}, films)
    with Bars() as bars:
        widths = measure_folder(src, job, jobs, bars.callback("pictures"))
    measured = int((widths["reason"] == "").sum())
    table = dst / "widths.csv"
    if not measured:
        first = widths.iloc[0]
        raise JslError(f"none of {len(widths)} could be measured ({first['sentence']}); see {table}")
    print(f"{measured} knees measured, {len(widths) - measured} rows with a reason instead: {table}")
    if read is not None:
        _tell_agreement(compare_widths(widths, read), dst / "agreement.csv")
    if cohort:
        joined = dst / "cohort.csv"
        print(f"{write_joined(cohort, widths, joined)} knees of the cohort have a width in mm: {joined}")


def label(baseline: Path, followup: Path, out: Path, *, readings: Path | None = None, jobs: int = 0) -> None:
    """Label the knees of two visits: how much of their least medial width they lost, and whether 0.7 mm.

    Args:
        baseline: A widths.csv of jsl measure, the folder that holds it, or a folder of the visit's films.
        followup: The same of the later visit.
        out: The table to write: a row a knee with JSL_mm and JSL_Prog, or the reason why there is none.
        readings: What readers measured at both visits: the table of jsl oai. How far both losses agree, by
            KL grade, goes to OUT_agreement.csv.
        jobs: Worker processes; 0: one per processor core.
    """
    from jsl_core.system.files import write_atomically
    from jsl_core.system.spreadsheet import format_csv
    from jsl_core.width.label import label_progression, read_widths
    from jsl_core.width.readings import compare_changes, read_readings

    read = read_readings(readings) if readings else None
    visits = []
    for name, source in (("baseline", baseline), ("followup", followup)):
        table = source if source.suffix == ".csv" else source / "widths.csv"
        if source.is_dir() and not table.is_file():
            folder = out.with_name(f"{out.stem}_{name}")
            measure(source, folder, jobs=jobs)
            table = folder / "widths.csv"
        visits.append(read_widths(table))
    labels = label_progression(*visits)
    with write_atomically(out) as file:
        file.write(format_csv(labels).encode())
    known = labels["JSL_Prog"].dropna()
    others = len(labels) - len(known)
    print(f"{int(known.sum())} of {len(known)} knees progressed, {others} without label: {out}")
    if read is not None:
        _tell_agreement(compare_changes(labels, read), out.with_name(f"{out.stem}_agreement.csv"))


def _tell_agreement(agreement: "DataFrame", file: Path) -> None:
    """Print how far widths agree with readings, and write it."""
    from jsl_core.system.files import write_atomically
    from jsl_core.system.spreadsheet import format_csv

    with write_atomically(file) as stream:
        stream.write(format_csv(agreement).encode())
    for row in agreement.to_dict("records"):
        print(
            f"{row['knees']}: n {row['n']}, ICC {row['icc']:.3f}, bias {row['bias']:+.2f} mm "
            f"(limits of agreement {row['low']:+.2f} to {row['high']:+.2f})"
        )
    print(f"Agreement with readings: {file}")
