"""The state of an unfinished training run, written after each epoch."""

import io
from pathlib import Path
from typing import Any

import torch

from jsl_core.errors import JslError
from jsl_core.storage.proof import seal_bytes, unseal_bytes
from jsl_core.system.files import write_atomically

__all__ = ["Checkpoint"]


class Checkpoint:
    """One file that always holds the last whole epoch of the run named by `key`.

    Args:
        path: The file; None saves and finds nothing.
        key: Sums up everything that decides the result: a file of another key is of another run.
        error: Raised where the file is damaged or of another run. None ignores such a file, which costs
            time, never correctness.
    """

    def __init__(self, path: Path | None, key: str, error: type[JslError] | None = None) -> None:
        self._path, self._key, self._error = path, key, error

    def save(self, state: dict[str, Any]) -> None:
        """Replace the last state; a kill while writing leaves the one before."""
        if self._path is None:
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        data = io.BytesIO()
        torch.save({"key": self._key, **state}, data)
        with write_atomically(self._path) as file:
            file.write(seal_bytes(data.getvalue()))

    def load(self) -> dict[str, Any] | None:
        """The last state of this very run, on the CPU, or None.

        Raises:
            JslError: As `error` says.
        """
        if self._path is None or not self._path.exists():
            return None
        try:
            content = unseal_bytes(self._path.read_bytes())
            state: dict[str, Any] = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
            key = state.get("key")
        except Exception as error:  # the reader has many ways to dislike a file
            if self._error is not None:
                raise self._error(f"{self._path} is damaged; delete it to train from the start") from error
            return None
        if key == self._key:
            return state
        if self._error is not None:
            raise self._error(
                f"{self._path.parent} holds a training with other settings or films; choose another folder"
            )
        return None
