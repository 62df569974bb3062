"""Tensors out of a file that torch.save wrote of a whole module, of which nothing is ever run.

Such a file is a program: unpickling it as PyTorch does calls whatever it names. Here a module becomes an
empty shell with its parameters, the few functions that rebuild tensors are the only ones called, and a file
that names anything else is refused.
"""

import pickle
from collections import OrderedDict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import torch

from jsl_core.errors import BundleError

__all__ = ["read_tensors"]

_MODULES = ("torch.nn.", "torchvision.", "__main__")  # classes of networks, which become shells
_SAFE: dict[tuple[str, str], Any] = {
    ("collections", "OrderedDict"): OrderedDict,
    ("torch._utils", "_rebuild_tensor_v2"): torch._utils._rebuild_tensor_v2,
    ("torch._utils", "_rebuild_parameter"): torch._utils._rebuild_parameter,
    ("torch", "Size"): torch.Size,
    ("builtins", "set"): set,
    ("__builtin__", "set"): set,
}


class _Shell:
    """Stands for an object of a network: it has the state that was saved, and does nothing."""

    def __new__(cls, *_: Any, **__: Any) -> "_Shell":
        return super().__new__(cls)

    def __init__(self, *_: Any, **__: Any) -> None:
        """Take what its class was called with, and ignore it."""

    def __setstate__(self, state: Any) -> None:
        if isinstance(state, dict):
            self.__dict__.update(state)


class _Unpickler(pickle.Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in _SAFE:
            return _SAFE[module, name]
        if f"{module}.".startswith(_MODULES):
            return _Shell
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")


class _SafePickle:
    """What `torch.load` takes for the module pickle."""

    Unpickler: ClassVar[type] = _Unpickler
    __name__ = "jsl"

    @staticmethod
    def load(file: Any, **options: Any) -> Any:
        """As `pickle.load`."""
        return _Unpickler(file, **options).load()


def read_tensors(file: Path) -> dict[str, torch.Tensor]:
    """The tensors of a state dict, or of a whole pickled module, by name in the order of the file.

    Raises:
        BundleError: The file cannot be read, holds no tensors, or asks for more than tensors and networks.
    """
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except FileNotFoundError:
        raise BundleError(f"{file}: no such file; name one that torch.save wrote") from None
    except Exception:  # a pickled module, or no file of PyTorch
        try:
            content = torch.load(file, map_location="cpu", weights_only=False, pickle_module=_SafePickle)
        except pickle.UnpicklingError as error:
            raise BundleError(f"{file}: not read, as {error}; give a state dict") from None
        except Exception as error:  # PyTorch has many ways to dislike a file
            raise BundleError(f"{file}: no file that torch.save wrote; give a state dict") from error
    tensors = dict(_named_tensors(content, ""))
    if not tensors:
        raise BundleError(f"{file}: holds no weights; give a state dict")
    return tensors


def _named_tensors(content: Any, prefix: str) -> Iterator[tuple[str, torch.Tensor]]:
    if isinstance(content, torch.Tensor):
        yield prefix.removesuffix("."), content.detach()
    elif isinstance(content, _Shell):
        for part in ("_parameters", "_buffers", "_modules"):
            yield from _named_tensors(content.__dict__.get(part), prefix)
    elif isinstance(content, dict):
        for name, value in content.items():
            yield from _named_tensors(value, f"{prefix}{name}.")
