"""The state of an unfinished training run, written after each epoch."""

from pathlib import Path
from typing import Any

import torch

from jsl_core.system.files import replace_atomically

__all__ = ["Checkpoint"]


class Checkpoint:
    """One file that always holds the last whole epoch of the run named by `key`.

    `key` sums up everything that decides the result; a file left by another run is not used.
    """

    def __init__(self, folder: Path | None, key: str) -> None:
        self._path = folder / "epoch.pt" if folder else None
        self._key = key

    def save(self, state: dict[str, Any]) -> None:
        """Replace the last state; a kill while writing leaves the one before."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        with replace_atomically(self._path) as temporary:
            torch.save({"key": self._key, **state}, temporary)

    def load(self) -> dict[str, Any] | None:
        """The last state of this very run, or None."""
        if self._path is None or not self._path.exists():
            return None
        try:
            state: dict[str, Any] = torch.load(self._path, map_location="cpu", weights_only=True)
        except Exception:  # a damaged file costs time, never correctness
            return None
        return state if state.get("key") == self._key else None
