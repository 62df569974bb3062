"""What a grader loses from ready crops to whole films: joints are found, cut and resampled by this program.

    jsl bench grades_on_films --crops COHORT [--part val] [--participants 0] [--model PATH] [--out NAME]

COHORT: the table of a copy of knee_kl224 (ID, Img_path, BL_KL_grade, split). Legs are drawn round both crops
of each participant, as tests/benchmarks/hard_legs.py does, and become one DICOM film; `jsl score` grades the
films, and the crops as they are. The same knees are compared, so that the difference is the way's alone.
"""

import subprocess
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from hard_legs import LegShape, draw_leg
from numpy.typing import NDArray
from results import bars, keep, options, show
from sklearn.metrics import cohen_kappa_score

from jsl_core.cohort import read_cohort
from jsl_core.dataset.crops import read_crop
from jsl_core.detection.training.composites import brighten_bone
from jsl_core.phantom.dicom import encode_film
from jsl_core.phantom.encoding import Encoding

_JSL = (sys.executable, "-P", "-c", "from flows.cli.main import main; main()")
_PLAIN = Encoding(12, False, False, False, True, True, "PixelSpacing", "ExplicitVRLittleEndian")
_MM = 0.2  # per pixel of the films, that of many of OAI's
_CROP_MM = 92.0  # a crop of 1.25 plateau widths of 74 mm
_RESAMPLES = 2000


def main() -> None:
    parser = options(__doc__, "grades-on-films")
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--part", default="val")
    parser.add_argument("--participants", type=int, default=0)
    parser.add_argument("--model", type=Path)
    chosen = parser.parse_args()
    cohort = read_cohort(chosen.crops)
    cohort = cohort[cohort["split"] == chosen.part]
    people = list(dict.fromkeys(cohort["participant"]))[: chosen.participants or None]
    cohort = cohort[cohort["participant"].isin(people)]
    cohort["Img_path"] = [str(chosen.crops.parent.absolute() / path) for path in cohort["Img_path"]]
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        table = folder / "crops.csv"
        cohort[["ID", "Img_path", "BL_KL_grade"]].to_csv(table, index=False)
        films = folder / "films"
        films.mkdir()
        for number, (person, knees) in enumerate(cohort.groupby("participant")):
            (films / f"{person}.dcm").write_bytes(_film(str(person), knees, number))
        ways = {"crops": _grades(table, folder, chosen.model), "films": _grades(films, folder, chosen.model)}
    truth = cohort.set_index("ID")["BL_KL_grade"].astype(int)
    both = [each for each in truth.index if all(each in way.index for way in ways.values())]
    people_of = np.array([each.rpartition("_")[0] for each in both])
    called = {way: grades.loc[both, "kl_grade"].to_numpy(int) for way, grades in ways.items()}
    right = {way: grades == truth[both].to_numpy() for way, grades in called.items()}
    show(
        ["knees", "n", "accuracy", "kappa"],
        [
            (
                way,
                len(both),
                right[way].mean(),
                cohen_kappa_score(truth[both], called[way], weights="quadratic"),
            )
            for way in ways
        ],
    )
    lost = right["crops"].astype(float) - right["films"]
    low, high = _interval(lost, people_of)
    same = (called["crops"] == called["films"]).mean()
    missing = len(truth) - len(both)
    print(f"films lose {lost.mean():.4f} [{low:.4f}, {high:.4f}] of accuracy; the same grade: {same:.3f}")
    print(f"{missing} of {len(truth)} knees gave no grade on films")
    figures = {
        "n": len(both),
        "missing": missing,
        "lost": [float(lost.mean()), low, high],
        "same": float(same),
    }
    shares = {way: float(each.mean()) for way, each in right.items()}
    drawn = bars(
        "jsl score", list(shares), {"accuracy": list(shares.values())}, "accuracy of the called grade"
    )
    keep(chosen.out, figures | shares, drawn)


def _film(person: str, knees: pd.DataFrame, number: int) -> bytes:
    """A bilateral film with the participant's crops (one of them twice where the other is not there)."""
    rng = np.random.default_rng([27, number])
    side = _CROP_MM / _MM
    height, width = round(2.1 * side), round(2.9 * side)
    film = np.full((height, width), 6, np.float32)
    shape = replace(LegShape.draw(rng), inner=(0.5, 0.5, 0.5))  # the whole crop stays
    for _, knee in knees.iterrows():
        outward = -1.0 if knee["side"] == 1 else 1.0  # the right knee is on the left
        crop = brighten_bone(read_crop(Path(), knee["Img_path"])).astype(np.float32)
        middle = width * (0.5 + outward * 0.24), height * (0.5 + rng.uniform(-0.05, 0.05))
        leg = draw_leg(crop, (height, width), middle, side, 0.0, 6.0, shape, outward)
        film = np.maximum(film, leg)
    values = np.round(film.clip(0, 255) / 255 * 4095).astype(np.uint16)
    return encode_film(values, person, _MM, _PLAIN)


def _grades(source: Path, folder: Path, model: Path | None) -> pd.DataFrame:
    out = folder / f"{source.stem}-scores.csv"
    chosen = ["--model", str(model)] if model else []
    subprocess.run([*_JSL, "score", str(source), "--out", str(out), *chosen], check=True)
    scores = pd.read_csv(out, dtype={"ID": str})
    return scores[scores["kl_grade"].notna()].set_index("ID")


def _interval(lost: NDArray[np.float64], people: NDArray[np.str_]) -> tuple[float, float]:
    """A bootstrap interval (95 %) of the mean, by participant."""
    sums = pd.DataFrame({"lost": lost, "n": 1.0}).groupby(people).sum().to_numpy()
    drawn = np.random.default_rng(0).integers(0, len(sums), (_RESAMPLES, len(sums)))
    totals = sums[drawn].sum(1)
    low, high = np.percentile(totals[:, 0] / totals[:, 1], (2.5, 97.5))
    return float(low), float(high)


if __name__ == "__main__":
    main()
