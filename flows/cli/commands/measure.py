"""`jsl measure`: the joint space's width from films, knees or joint crops, without a server."""

from pathlib import Path

from flows.cli.terminal import Bars

__all__ = ["measure"]


def measure(src: Path, dst: Path, *, overlay: bool = False, sides: Path | None = None, jobs: int = 0) -> None:
    """Measure the joint space; writes widths.csv, and a mask of the joint space for each knee.

    Args:
        src: Folder or archive of films (DICOM or pictures), of split knees, or of joint crops.
        dst: Folder for widths.csv, masks and overlays.
        overlay: Also draw the margins and the least widths over each joint.
        sides: Table with ID and Img_path, which tells the side of joint crops whose name does not.
        jobs: Worker processes; 0: one per processor core.
    """
    from jsl_core.width.folder import MeasureJob, measure_folder
    from jsl_core.width.sides import read_sides

    job = MeasureJob(dst, overlay, read_sides(sides) if sides else {})
    with Bars() as bars:
        widths = measure_folder(src, job, jobs, bars.callback("pictures"))
    measured = int((widths["reason"] == "").sum())
    table = dst / "widths.csv"
    print(f"{measured} knees measured, {len(widths) - measured} rows with a reason instead: {table}")
