"""Settings as options: under the names that TOML files, forms and messages have for them."""

from typing import Annotated

from cyclopts import Parameter

from jsl_core.config import PipelineSettings
from jsl_core.config.sources import Sources
from jsl_core.system.paths import expand_path

__all__ = ["Flat", "FlatSeveral", "Nested", "RunOptions", "expand_words"]

# `max_rejected`, not `max-rejected`; on the command line either is understood.
Flat = Parameter(name="*", name_transform=str)
FlatSeveral = Parameter(name="*", name_transform=str, consume_multiple=True)  # `--visits 0 12`
Nested = Parameter(name_transform=str)


class RunOptions(PipelineSettings):
    """A run's settings as options; the record of where values came from is none."""

    sources: Annotated[Sources, Parameter(parse=False)] = Sources()


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
