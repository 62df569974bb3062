"""How well widths and their losses are measured on phantoms, whose widths are known.

    jsl bench width_changes [--participants 60] [--seed 77] [--out NAME]

Films of one cohort at baseline and after 48 months, drawn anew with other exposure, spacing and position, go
through `jsl label`; errors are of the knees that it labels, and the labels are held against the truth's.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import pandas as pd
from results import bars, keep, options, show
from sklearn.metrics import cohen_kappa_score

_JSL = (sys.executable, "-P", "-c", "from flows.cli.main import main; main()")


def main() -> None:
    parser = options(__doc__, "width-changes")
    parser.add_argument("--participants", type=int, default=60)
    parser.add_argument("--seed", type=int, default=77)
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        size = ["--patients", str(chosen.participants), "--seed", str(chosen.seed), "--visits", "0", "48"]
        subprocess.run([*_JSL, "phantom", name, *size], check=True, stdout=subprocess.DEVNULL)
        out = folder / "labels.csv"
        visits = [str(folder / visit) for visit in ("scans", "scans_48m")]
        subprocess.run([*_JSL, "label", *visits, str(out)], check=True)
        labels, truth, outcomes = (
            pd.read_csv(folder / file, dtype={"ID": str}) for file in (out, "truth.csv", "JSL.csv")
        )
    widths = truth.pivot_table(index="ID", columns="visit", values="mjsw_medial_mm")
    knees = labels.set_index("ID").join(outcomes.set_index("ID")["JSL_Prog"].rename("progressed"))
    knees = knees[knees["JSL_mm"].notna()]
    first = (knees["mjsw_baseline_mm"] - widths.loc[knees.index, 0]).abs()
    loss = (knees["JSL_mm"] - (widths[0] - widths[48])[knees.index]).abs()
    both = knees.dropna(subset=["progressed"])
    kappa = cohen_kappa_score(both["progressed"].astype(int), both["JSL_Prog"].astype(int))
    rows = [
        (what, len(errors), errors.median(), errors.quantile(0.9))
        for what, errors in (("least medial width", first), ("its loss", loss))
    ]
    show(["error, mm", "knees", "median", "90 %"], rows)
    print(f"JSL_Prog of films and of the truth: kappa {kappa:.3f} of {len(both)} knees")
    print(f"{len(labels) - len(knees)} of {len(labels)} knees without label")
    medians = {what: median for what, _, median, _ in rows}
    drawn = bars("jsl label, phantoms", list(medians), {"median": list(medians.values())}, "error, mm")
    keep(chosen.out, {"errors": medians, "n": len(knees), "kappa": kappa}, drawn)


if __name__ == "__main__":
    main()
