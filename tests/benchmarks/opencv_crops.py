"""What a lab's own script would be: joints cut from knees by OpenCV's importer of Darknet files.

python opencv_crops.py knee.cfg knee.weights TARGET KNEE.png ...
"""

import re
import sys
from pathlib import Path

import cv2
import numpy as np

cv2.setNumThreads(1)  # the shell runs one of these per core


class Importer:
    def __init__(self, cfg: str, weights: str) -> None:
        text = Path(cfg).read_text()
        self.net = cv2.dnn.readNetFromDarknet(cfg, weights)
        self.names = self.net.getUnconnectedOutLayersNames()
        self.side, self.channels = (
            int(re.search(rf"^{key}\s*=\s*(\d+)", text, re.M)[1]) for key in ("width", "channels")
        )

    def cut(self, knee: np.ndarray) -> np.ndarray:
        """The squared box of the likeliest joint, cut from a grey knee; letterboxed for the network."""
        scale = self.side / max(knee.shape)
        small = cv2.resize(knee, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)[
            : self.side, : self.side
        ]
        canvas = np.full((self.side, self.side), 127, np.uint8)
        top, left = ((self.side - length) // 2 for length in small.shape)
        canvas[top : top + small.shape[0], left : left + small.shape[1]] = small
        pixels = canvas if self.channels == 1 else cv2.cvtColor(canvas, cv2.COLOR_GRAY2BGR)
        self.net.setInput(cv2.dnn.blobFromImage(pixels, 1 / 255))
        rows = np.concatenate(self.net.forward(self.names))
        x, y, width, height = rows[rows[:, 5].argmax(), :4] * self.side
        half = max(width, height) / 2 / scale
        x, y = (x - left) / scale, (y - top) / scale
        rows, columns = (slice(max(round(c - half), 0), round(c + half)) for c in (y, x))
        return knee[rows, columns]


def main(cfg: str, weights: str, target: str, *knees: str) -> None:
    importer = Importer(cfg, weights)
    for path in map(Path, knees):
        cv2.imwrite(str(Path(target, path.name)), importer.cut(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)))


if sys.argv[0] == __file__:
    main(*sys.argv[1:])
