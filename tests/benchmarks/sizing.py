"""Processor seconds of a film from DICOM to two joints, on one core: what sizes a lab.

python tests/benchmarks/sizing.py [--films 8]

Phantom films of 2,000 to 2,500 pixels. Processor time, not the clock's, so that a busy machine says the same.
"""

import tempfile
import time
from pathlib import Path

import torch
from results import bars, keep, options, show

from jsl_core.config import ConvertSettings, CropSettings, PhantomSettings, SplitSettings
from jsl_core.detection import JointDetector, crop_joint
from jsl_core.detection.look import look_at_film
from jsl_core.imaging import decode_png
from jsl_core.phantom.cohort import _write_film
from jsl_core.scans.items import convert_item, split_item
from jsl_core.storage import Artifact, open_store


def main() -> None:
    parser = options(__doc__, "sizing")
    parser.add_argument("--films", type=int, default=8)
    chosen = parser.parse_args()
    count = chosen.films
    torch.set_num_threads(1)
    spent = dict.fromkeys(("convert", "split", "crop"), 0.0)
    with tempfile.TemporaryDirectory() as folder:
        root, settings = Path(folder), PhantomSettings(patients=count, long_side=(2000, 2500))
        detector = JointDetector.load(CropSettings())
        store = open_store(str(root / "store"))
        for index in range(count):
            _write_film(root, settings, (index, 0))
        joints = 0
        for film in sorted((root / "scans").iterdir()):
            item = {"file": film.name, "sha256": Artifact.of_file(film).sha256}
            start = time.process_time()
            (row,) = convert_item(item, ConvertSettings(), str(film.parent), store.url, look_at_film)
            spent["convert"] += time.process_time() - start
            start = time.process_time()
            knees = split_item(row, SplitSettings(), store.url)
            spent["split"] += time.process_time() - start
            start = time.process_time()
            images = [decode_png(store.get(Artifact.model_validate(knee["png"]))) for knee in knees]
            for knee, image, found in zip(knees, images, detector.detect(images), strict=True):
                crop_joint(image, found, knee["spacing_mm"], CropSettings())
                joints += 1
            spent["crop"] += time.process_time() - start
        size = sum(file.stat().st_size for file in (root / "store").rglob("*") if file.is_file())
    each = {name: seconds / count for name, seconds in spent.items()}
    print(f"{count} films, {joints} joints; processor seconds a film, and MB of store")
    show((*each, "in all", "MB"), [(*each.values(), sum(each.values()), size / count / 1e6)])
    figures = {"films": count, "joints": joints, "processor_s": each, "store_mb": size / count / 1e6}
    keep(chosen.out, figures, bars("A film, on one core", list(each), {"": list(each.values())}, "seconds"))


if __name__ == "__main__":
    main()
