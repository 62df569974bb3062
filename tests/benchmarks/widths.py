"""How well joint space widths are measured: against drawn margins, over KL grades, and mirrored.

jsl bench widths --crops COHORT [--knees 400] [--out FOLDER]

COHORT: the table of a copy of knee_kl224 (ID, Img_path, BL_KL_grade, split). The margins of a hundred knees
of its part val were drawn by us; none of them taught the shape model. --knees bounds how many are measured
for the widths over KL grades; 0 for all.
"""

import time
from dataclasses import asdict
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
from results import bars, keep, options, show

from jsl_core.cohort import read_cohort
from jsl_core.detection.side import SideReader
from jsl_core.errors import BadScan
from jsl_core.width.agreement import agree, dice, mean_distance
from jsl_core.width.contours import SHIPPED_CONTOURS
from jsl_core.width.frame import measure_widths
from jsl_core.width.joints import FilmJoint, joints_of_file
from jsl_core.width.margins import Compartment, Margins
from jsl_core.width.reader import MarginReader
from jsl_core.width.region import draw_mask
from jsl_core.width.shape import SHIPPED_SHAPE
from jsl_core.width.training import __main__ as training
from jsl_core.width.training.labels import label_drawn, read_drawn

REPEATED = 40  # knees that are measured again, changed as follows: the matrix, and the picture's size
REPEATS = {
    "turned by 2 degrees": (cv2.getRotationMatrix2D((114.5, 108.2), 2.0, 1.0), 1.0),
    "turned, and 5 % smaller": (cv2.getRotationMatrix2D((114.5, 108.2), 2.0, 0.95), 0.95),
}
DRAWN = Path(training.__file__).with_name("drawn_val.json")


def drawn_margins(joint: FilmJoint, drawing) -> Margins:
    """The margins that were drawn on a crop, in its pixels; a left knee's medial side is on the left."""
    labels = label_drawn(joint.pixels, drawing)
    parts = []
    for first, last in (drawing.ends[1:3], drawing.ends[3:5]):
        x = np.flatnonzero(np.isfinite(labels.margins[0]))
        x = x[(x >= int(first)) & (x <= int(last))]
        parts.append(Compartment(x.astype(float), *labels.margins[:, x].astype(float)))
    left_knee = joint.looks == 2
    medial, lateral = parts if left_knee else parts[::-1]
    ends = (drawing.ends[0], drawing.ends[5]) if left_knee else (drawing.ends[5], drawing.ends[0])
    return Margins(medial, lateral, ends, 1.0, joint.pixels.shape[1])


def within(part: Compartment, other: Compartment) -> Compartment:
    """A compartment cut to the columns of another."""
    inside = (part.x >= other.x[0]) & (part.x <= other.x[-1])
    return Compartment(part.x[inside], part.femoral[inside], part.tibial[inside])


def compare_with_drawn(joint: FilmJoint, margins: Margins, drawn: Margins) -> dict[str, float]:
    """Figures of one knee: Dice of the regions, whole and between the drawn ends, and the widths of both."""
    shape = joint.pixels.shape
    cut = Margins(
        within(margins.medial, drawn.medial), within(margins.lateral, drawn.lateral),
        margins.peripheral, margins.quality, margins.width,
    )  # fmt: skip
    truth = draw_mask(drawn, shape) > 0
    figures = {
        "dice": dice(draw_mask(margins, shape) > 0, truth),
        "dice_between": dice(draw_mask(cut, shape) > 0, truth),
    }
    for name in ("medial", "lateral"):
        femoral, tibial = mean_distance(getattr(margins, name), getattr(drawn, name))
        figures |= {f"{name}_femoral": femoral, f"{name}_tibial": tibial}
        figures |= {f"{name}_px": getattr(measure_widths(margins), name)}
        figures |= {f"{name}_drawn_px": getattr(measure_widths(drawn), name)}
    return figures


def error_of_corrected(margins: Margins, drawn: Margins, drawing) -> dict[str, float]:
    """Mean distance in pixels over the columns where a drawing corrects a margin of the first tracker."""
    figures = {}
    for name, line in (("femoral", drawing.femoral), ("tibial", drawing.tibial)):
        apart: list[float] = []
        for part in ("medial", "lateral"):
            own, other = getattr(margins, part), getattr(drawn, part)
            low, high = (line[0][0], line[-1][0]) if line else (0.0, -1.0)
            inside = (other.x >= max(low, own.x[0])) & (other.x <= min(high, own.x[-1]))
            rows = np.interp(other.x[inside], own.x, getattr(own, name))
            apart += list(np.abs(rows - getattr(other, name)[inside]))
        if apart:
            figures[f"corrected_{name}"] = float(np.mean(apart))
    return figures


def read_joint(base: Path, path: str) -> FilmJoint:
    """The joint of one crop, bone bright."""
    return joints_of_file((base / path).read_bytes(), Path(path).name, {})[0]


def measure_drawn(table: pd.DataFrame, base: Path, reader: MarginReader) -> pd.DataFrame:
    """A row of figures for each knee with drawn margins."""
    drawings = {knee.knee: knee for knee in read_drawn(DRAWN)}
    rows = []
    for row in table.itertuples():
        drawing = drawings.get(training.knee_digest(row.ID))
        if drawing is None:
            continue
        joint = read_joint(base, row.Img_path)
        drawn = drawn_margins(joint, drawing)
        names = {"ID": row.ID, "grade": row.BL_KL_grade}
        try:
            margins = reader.read(joint.pixels, joint.looks)
            figures = compare_with_drawn(joint, margins, drawn)
            figures |= error_of_corrected(margins, drawn, drawing)
            rows.append(names | {"quality": margins.quality} | figures)
        except BadScan as error:
            rows.append(names | {"reason": error.code})
    return pd.DataFrame(rows)


def measure_over_grades(table: pd.DataFrame, base: Path, reader: MarginReader) -> pd.DataFrame:
    """A row for each knee with its least widths, or the reason why not, and the seconds it took."""
    rows = []
    for row in table.itertuples():
        figures = {"ID": row.ID, "grade": row.BL_KL_grade}
        start = time.process_time()
        try:
            joint = read_joint(base, row.Img_path)
            if joint.reason:
                raise joint.reason
            margins = reader.read(joint.pixels, joint.looks)
            widths = measure_widths(margins)
            figures |= {"medial": widths.medial, "lateral": widths.lateral, "quality": margins.quality}
        except BadScan as error:
            figures["reason"] = error.code
        rows.append(figures | {"seconds": time.process_time() - start})
    return pd.DataFrame(rows)


def measure_repeats(table: pd.DataFrame, base: Path, reader: MarginReader) -> pd.DataFrame:
    """A row for each knee with its medial width, and that of its mirror image, turned, and moved."""
    rows = []
    for row in table.itertuples():
        try:
            joint = read_joint(base, row.Img_path)
            if joint.reason:
                raise joint.reason
            figures = {"plain": measure_widths(reader.read(joint.pixels, joint.looks)).medial}
            mirrored = np.ascontiguousarray(joint.pixels[:, ::-1])
            looks = SideReader.load().read([mirrored])[0].side
            if looks:
                figures["mirrored"] = measure_widths(reader.read(mirrored, looks)).medial
            size = joint.pixels.shape[::-1]
            for name, (matrix, zoom) in REPEATS.items():
                again = cv2.warpAffine(joint.pixels, matrix, size, borderMode=cv2.BORDER_REPLICATE)
                figures[name] = measure_widths(reader.read(again, joint.looks)).medial / zoom
        except BadScan:
            continue
        rows.append(figures)
    return pd.DataFrame(rows)


def mean_with_interval(widths: pd.Series, participants: pd.Series) -> tuple[int, float, float, float]:
    """Knees, their mean, and its 95 % interval, where both knees of a participant count as one cluster."""
    known = widths.notna()
    mean = float(widths[known].mean())
    sums = (widths[known] - mean).groupby(participants[known]).sum()
    half = 1.96 * float(np.sqrt((sums**2).sum())) / int(known.sum())
    return int(known.sum()), mean, mean - half, mean + half


def widths_by_grade(widths: pd.DataFrame) -> dict[str, tuple[int, float, float, float]]:
    """Knees, mean and interval of the least widths by grade, of each compartment and of the narrower one.

    And of the wider compartment where the other one is narrow, whose disease may open it.
    """
    participants = widths["ID"].str.rsplit("_", n=1).str[0]
    medial, lateral = widths["medial"], widths["lateral"]
    columns = {
        "medial": medial,
        "lateral": lateral,
        "narrower": widths[["medial", "lateral"]].min(axis=1, skipna=False),
        "lateral, where medial is narrower": lateral.where(medial < lateral),
        "medial, where lateral is narrower": medial.where(lateral < medial),
    }
    return {
        f"{name}, KL {grade:.0f}": mean_with_interval(values[rows.index], participants[rows.index])
        for name, values in columns.items()
        for grade, rows in widths.groupby("grade")
    }


def main() -> None:
    """Measure, print and keep."""
    parser = options(__doc__, "widths")
    parser.add_argument("--crops", type=Path, required=True, help="table of a copy of knee_kl224")
    parser.add_argument("--knees", type=int, default=400, help="for the widths over KL grades; 0 for all")
    parser.add_argument("--shape", type=Path, default=SHIPPED_SHAPE, help="another shape model")
    parser.add_argument("--contours", type=Path, default=SHIPPED_CONTOURS, help="another network")
    arguments = parser.parse_args()
    table = read_cohort(arguments.crops, needs=["Img_path"], any_split=True)
    base, reader = arguments.crops.parent, MarginReader.load(arguments.shape, arguments.contours)

    drawn = measure_drawn(table, base, reader)
    parts = [f"{part}_{margin}" for part in ("medial", "lateral") for margin in ("femoral", "tibial")]
    names = ["dice", "dice_between", *parts]
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    drawn.to_csv(arguments.out.with_suffix(".drawn.csv"), index=False)
    figures: dict[str, object] = {"drawn": len(drawn)} | {name: float(drawn[name].mean()) for name in names}
    grades = sorted(drawn["grade"].unique())
    means = drawn.groupby("grade")[names].mean()
    show(["drawn", "all", *(f"KL {grade}" for grade in grades)],
         [[name, drawn[name].mean(), *means[name]] for name in names])  # fmt: skip
    for name in ("medial", "lateral"):
        found = agree(drawn[f"{name}_px"].to_numpy(float), drawn[f"{name}_drawn_px"].to_numpy(float))
        figures[f"{name}_least"] = asdict(found)
        print(
            f"least {name} width: n {found.n}, r {found.correlation:.3f}, ICC {found.icc:.3f}, mean error "
            f"{found.mean_absolute:.2f} px, bias {found.bias:+.2f} ({found.low:+.2f} to {found.high:+.2f})"
        )

    for name in ("femoral", "tibial"):
        errors = drawn[f"corrected_{name}"].dropna()
        print(f"where a {name} margin was corrected: {errors.mean():.2f} px (mean of {len(errors)} knees)")
        figures[f"corrected_{name}"] = float(errors.mean())
    repeats = measure_repeats(table.sample(min(REPEATED, len(table)), random_state=0), base, reader)
    for name in ("mirrored", *REPEATS):
        apart = (repeats[name] - repeats["plain"]).abs()
        figures[f"{name}_share"] = float((apart / repeats["plain"].clip(lower=1)).median())
        print(f"{name}: {100 * figures[f'{name}_share']:.2f} % (median), {apart.mean():.2f} px (mean)")

    chosen = table.sample(min(arguments.knees or len(table), len(table)), random_state=0)
    widths = measure_over_grades(chosen, base, reader)
    widths.to_csv(arguments.out.with_suffix(".widths.csv"), index=False)
    by_grade = widths_by_grade(widths)
    show(["least width, px", "n", "mean", "from", "to"], [[name, *found] for name, found in by_grade.items()])
    for grade, rows in widths.groupby("grade"):
        print(f"KL {grade:.0f}: r of medial and lateral {rows['medial'].corr(rows['lateral']):+.2f}")
    lost = int(widths["medial"].isna().sum())
    print(f"{len(widths)} knees, {lost} not measured, {1000 * widths['seconds'].median():.0f} ms each")
    figures |= {"knees": len(widths), "not_measured": lost, "by_grade": by_grade}
    means = widths.groupby("grade")[["medial", "lateral"]].mean()
    series = {name: list(means[name]) for name in means}
    keep(arguments.out, figures, bars("Least width", [f"KL {g}" for g in means.index], series, "pixels"))


if __name__ == "__main__":
    main()
