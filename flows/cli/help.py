"""Help in two lengths: `--help` has what most people need, `--help-all` all there is."""

from typing import TYPE_CHECKING, Any

from cyclopts.help import DefaultFormatter

if TYPE_CHECKING:
    from cyclopts.help import HelpPanel
    from rich.console import Console, ConsoleOptions

__all__ = ["HELP_ALL", "SHORT_LIST", "HelpFormatter", "replace_help_all"]

HELP_ALL = "--help-all"

# The commands of the short list: those of a working day.
SHORT_LIST = (
    "check",
    "demo",
    "lineage",
    "measure",
    "models",
    "retrain",
    "review",
    "run",
    "runs",
    "score",
    "train",
    "up",
)

# Settings of a whole run that the short help leaves out: those for which most people have no use.
_RARE = ("dask", "exact_versions", "patience", "publish", "tracker", "truth", "work")


class HelpFormatter(DefaultFormatter):
    """Prints help; the short one leaves out further commands and settings of a single stage."""

    is_short = True
    is_of_all = False  # whether it lists the commands of `jsl` itself

    def __call__(self, console: "Console", options: "ConsoleOptions", panel: "HelpPanel") -> None:
        """Print one panel of the help, and how to see what it leaves out."""
        is_common = _is_common_command if panel.format == "command" else _is_common_setting
        filters = self.is_short and (self.is_of_all or panel.format != "command")
        listed = [entry for entry in panel.entries if not filters or is_common(entry)]
        hidden = len(panel.entries) - len(listed)
        super().__call__(console, options, panel.copy(entries=listed))
        if hidden:
            what = "commands" if panel.format == "command" else "settings"
            console.print(f"{hidden} more {what} with {HELP_ALL}.", highlight=False)


def _is_common_command(entry: Any) -> bool:
    return all(name.startswith("-") or name in SHORT_LIST for name in entry.names)


def _is_common_setting(entry: Any) -> bool:
    """Whether the short help has a setting: `--name` it has, `--training.kl.lr` of one stage not."""
    if entry.positional_label:
        return True
    return not any("." in name or name.removeprefix("--") in _RARE for name in entry.names)


def replace_help_all(words: list[str], formatter: HelpFormatter) -> list[str]:
    """Replace `--help-all` by `--help`, with a formatter that leaves nothing out.

    Args:
        words: The words of the command line.
        formatter: The one that prints help.
    """
    formatter.is_short = HELP_ALL not in words
    formatter.is_of_all = all(word.startswith("-") for word in words)
    return ["--help" if word == HELP_ALL else word for word in words]
