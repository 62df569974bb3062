"""Settings as options: under the names that TOML files, forms and messages have for them."""

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from jsl_core.config import PipelineSettings
from jsl_core.config.sources import Sources
from jsl_core.system.paths import expand_path

__all__ = ["Flat", "FlatSeveral", "Nested", "RunOptions", "expand_words", "usual_store"]

# `max_rejected`, not `max-rejected`; on the command line either is understood.
Flat = Parameter(name="*", name_transform=str)
FlatSeveral = Parameter(name="*", name_transform=str, consume_multiple=True)  # `--visits 0 12`
Nested = Parameter(name_transform=str)


class RunOptions(PipelineSettings):
    """A run's settings as options; the record of where values came from is none."""

    sources: Annotated[Sources, Parameter(parse=False)] = Sources()


# The stores of `jsl run`, `jsl up` and `jsl demo`, as these choose them in the current folder.
_USUAL_STORES = ("jsl-store", "jsl-home/store", "jsl-demo/store")


def usual_store(named: str) -> str:
    """The store that a command asks: the one that was named, else the first of the usual ones that is there.

    Args:
        named: The value of --store; blank where it was not given.
    """
    there = (store for store in _USUAL_STORES if Path(store).is_dir())
    return named or next(there, _USUAL_STORES[0])


def expand_words(words: list[str]) -> list[str]:
    """Expand `~` where a word, or the value behind an option's `=`, begins with it: shells do not everywhere.

    Args:
        words: The words of the command line.
    """
    return [_expand(word) for word in words]


def _expand(word: str) -> str:
    option, sign, value = word.partition("=") if word.startswith("--") else ("", "", word)
    if value != "~" and not value.startswith("~/"):
        return word
    return f"{option}{sign}{expand_path(value)}"
