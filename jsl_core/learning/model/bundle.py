"""The model bundle: a folder that is all that scoring needs."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from safetensors.torch import load_file, save_file

from jsl_core import __version__
from jsl_core.cohort.columns import GRADE_PROBABILITIES, RISK
from jsl_core.cohort.factors import FactorEncoder
from jsl_core.errors import BundleError, JslError
from jsl_core.learning.model.calibration import sigmoid, softmax
from jsl_core.learning.model.hazard import Hazard
from jsl_core.learning.model.networks import KneeNetwork
from jsl_core.learning.model.probe import ask_probe, judge_network
from jsl_core.learning.model.record import FORMAT, WEIGHTS, BundleRecord, NetworkRecord, write_bundle_json
from jsl_core.learning.model.spec import NetworkSpec
from jsl_core.learning.model.tensors import to_float
from jsl_core.system.files import replace_atomically

__all__ = ["ModelBundle", "probabilities"]


@dataclass(frozen=True)
class ModelBundle:
    """A trained network with everything its inputs and outputs need.

    Attributes:
        regime: How it was trained.
        network: The network.
        factors: Encodes the risk factors; None where the regime has none.
        mirror_left: Whether left knees are mirrored on the way in.
        temperature: Divides the logits, by head.
        prior_shift: Added to the logits of `jsl`, as training saw more progression than there is.
        thresholds: Operating point of `jsl`, a risk.
        dataset: Digest of the packed dataset.
        parent: Digest of the weights it started from, "" for none.
        settings: Of the training.
        flip: Whether the logits are the mean of those of a crop and of its mirror image.
        mm_per_pixel: How much of a knee one pixel of the input shows; None where no scale was known.
        hazard: Of a head of time, from what it says to risks; None of one of the label.
        outcome: What the risk is of, in words; "" where the table named no outcome.
        version: Of this program.
    """

    regime: str
    network: KneeNetwork
    factors: FactorEncoder | None
    mirror_left: bool
    temperature: dict[str, float]
    prior_shift: float
    thresholds: dict[str, float]
    dataset: str
    parent: str
    settings: dict[str, Any]
    flip: bool = False
    mm_per_pixel: float | None = None
    hazard: Hazard | None = None
    outcome: str = ""
    version: str = __version__

    @property
    def size(self) -> int:
        """Side of the crops in pixels."""
        return self.network.spec.size

    def save(self, folder: Path) -> None:
        """Write `model.safetensors` and, last, `bundle.json`; the same model gives the same bytes.

        The record has the digest of the folder's `predictions.csv`, which is to be written before.
        """
        folder.mkdir(parents=True, exist_ok=True)
        state = {key: tensor.cpu().contiguous() for key, tensor in self.network.state_dict().items()}
        with replace_atomically(folder / WEIGHTS) as temporary:
            save_file(state, temporary)
        record = {
            "format": FORMAT,
            "regime": self.regime,
            "network": self.network.spec.to_json(),
            "factors": self.factors.to_json() if self.factors else None,
            "factor_names": list(self.factors.names) if self.factors else [],
            "mirror_left": self.mirror_left,
            "temperature": self.temperature,
            "prior_shift": self.prior_shift,
            "thresholds": self.thresholds,
            "dataset": self.dataset,
            "parent": self.parent,
            "settings": self.settings,
            "flip": self.flip,
            "mm_per_pixel": self.mm_per_pixel,
            "hazard": self.hazard.to_json() if self.hazard else None,
            "outcome": self.outcome,
            "version": self.version,
            "probe": ask_probe(self.network),
        }
        write_bundle_json(folder, record)

    @classmethod
    def load(cls, folder: Path) -> "ModelBundle":
        """The bundle in a folder, in evaluation mode on the CPU.

        Raises:
            BundleError: It is no bundle, damaged, of another format, has no network, or one that does not
                answer a known input as it did when it was saved.
        """
        if (record := BundleRecord.read(folder)).network is None:
            raise BundleError(f"{folder}: a {record.regime} bundle has no network; name an image model")
        record = NetworkRecord.read(folder)
        record.check_file(folder, WEIGHTS)
        network = _build_network(record.network, folder)
        try:
            network.load_state_dict(load_file(folder / WEIGHTS))
        except Exception as error:  # missing, truncated, or another network's
            raise BundleError(
                f"{folder}: model.safetensors is damaged or of another network; copy it again"
            ) from error
        if wrong := judge_network(network, record.probe):
            raise BundleError(f"{folder}: {WEIGHTS}: {wrong}; copy the bundle again, or train it again")
        return cls(
            regime=record.regime,
            network=network.eval(),
            factors=record.factors,
            mirror_left=record.mirror_left,
            temperature=record.temperature,
            prior_shift=record.prior_shift,
            thresholds=record.thresholds,
            dataset=record.dataset,
            parent=record.parent,
            settings=record.settings,
            flip=record.flip,
            mm_per_pixel=record.mm_per_pixel,
            hazard=record.hazard,
            outcome=record.outcome,
            version=record.version,
        )

    def predict(
        self, images: np.ndarray, table: pd.DataFrame, flip: bool | None = None, batch: int = 64
    ) -> pd.DataFrame:
        """Predict calibrated probabilities.

        Args:
            images: Crops as on the film, uint8 N×S×S.
            table: N rows with `side`, and the risk factors where the regime has them.
            flip: Whether to average with the mirror images; None does as validation favoured.
            batch: Knees a pass.

        Returns:
            `kl_0`…`kl_4` and `jsl_risk`, those the regime has, N rows; of a head of time also the risk by
            the end of each interval.

        Raises:
            BundleError: The crops have another size than the network takes.
        """
        logits = self.logits(images, table, batch)
        if self.flip if flip is None else flip:
            mirrored = self.logits(images[:, :, ::-1], table, batch)
            logits = {name: (values + mirrored[name]) / 2 for name, values in logits.items()}
        return probabilities(logits, self.temperature, self.prior_shift, self.hazard)

    @torch.inference_mode()
    def logits(self, images: np.ndarray, table: pd.DataFrame, batch: int = 64) -> dict[str, np.ndarray]:
        """Logits by head, float32: `kl` N×5, `jsl` N×1; arguments and errors are those of `predict`."""
        if images.shape[1:] != (self.size, self.size):
            raise BundleError(
                f"the model takes crops of {self.size} pixels, not {images.shape[1]}; pack them so"
            )
        device = self.network.normalise.mean.device
        left = torch.from_numpy((table["side"].to_numpy() == 2) & self.mirror_left)
        factors = torch.from_numpy(self.factors.transform(table)) if self.factors else None
        parts: list[dict[str, np.ndarray]] = []
        for start in range(0, len(images), batch):
            rows = slice(start, start + batch)
            grey = torch.from_numpy(np.ascontiguousarray(images[rows])).unsqueeze(1)
            pixels = to_float(grey.to(device), left[rows].to(device))
            pixels = pixels.contiguous(memory_format=torch.channels_last)
            outputs = self.network(pixels, None if factors is None else factors[rows].to(device))
            parts.append({name: logits.float().cpu().numpy() for name, logits in outputs.items()})
        return {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}


def probabilities(
    logits: dict[str, np.ndarray],
    temperature: dict[str, float],
    prior_shift: float,
    hazard: Hazard | None = None,
) -> pd.DataFrame:
    """Logits by head (`kl` N×5, `jsl` N×1 or N×K) to the calibrated columns of `predictions.csv`, N rows."""
    columns: dict[str, np.ndarray] = {}
    if "kl" in logits:
        grades = softmax(logits["kl"].astype(np.float64) / temperature["kl"])
        columns |= dict(zip(GRADE_PROBABILITIES, grades.T, strict=True))
    if "jsl" in logits and hazard is not None:
        risks = hazard.columns(hazard.scores(logits["jsl"], temperature["jsl"]))
        return pd.concat([pd.DataFrame(columns), risks], axis=1)
    if "jsl" in logits:
        shifted = logits["jsl"][:, 0].astype(np.float64) + prior_shift
        columns[RISK] = sigmoid(shifted / temperature["jsl"])
    return pd.DataFrame(columns)


def _build_network(spec: NetworkSpec, folder: Path) -> KneeNetwork:
    try:
        return KneeNetwork(spec)
    except JslError as error:  # a backbone that is unknown here, or a size it does not take
        raise BundleError(f"{folder}: bundle.json: network: {error}") from error
    except Exception as error:  # the many ways of PyTorch to dislike a size below 1
        raise BundleError(f"{folder}: bundle.json: network: it cannot be built; train it again") from error
