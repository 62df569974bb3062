"""The command `jsl`: parses, runs, and turns every error into one line and an exit code."""

import atexit
import os
import sys
import warnings
from collections.abc import Sequence

from cyclopts import App, CycloptsError
from pydantic import ValidationError

from flows.cli.error_lines import error_line
from flows.cli.help import HELP_ALL, SHORT_LIST, HelpFormatter, replace_help_all
from flows.cli.options import expand_words
from jsl_core import __version__
from jsl_core.config import describe_validation_error
from jsl_core.system.isolation import isolate_children

__all__ = ["app", "main"]

_DONE, _FAILED, _WRONG_USAGE, _INTERRUPTED = 0, 1, 2, 130

_COMMANDS = (
    "pipeline:demo",
    "pipeline:run",
    "pipeline:train",
    "pipeline:retrain",
    "check:check",
    "pipeline:phantom",
    "sweep:sweep",
    "scoring:evaluate",
    "validate:validate",
    "leaderboard:leaderboard",
    "scoring:score",
    "oai:oai",
    "cohort:cohort",
    "imaging:convert",
    "imaging:split",
    "detection:crop",
    "detection:detector",
    "measure:measure",
    "measure:label",
    "pacs:listen",
    "pacs:pull",
    "pacs:send",
    "bench:bench",
    "models:models",
    "runs:runs",
    "store:lineage",
    "store:why",
    "store:diff",
    "store:gc",
    "store:link",
    "store:verify",
)

_help = HelpFormatter()

app = App(
    name="jsl",
    help="Knee radiographs to joint-space-loss risk and Kellgren-Lawrence grade. Research use only.",
    version=__version__,
    help_formatter=_help,
    suppress_keyboard_interrupt=False,  # `main` has a line for it
)
for _command in _COMMANDS:  # by name: a command waits for the libraries of no other one
    app.command(f"flows.cli.commands.{_command}")
app.command("deployments.apply:deploy", name="deploy", help="Apply the deployments to a Prefect server.")
app.command("deployments.review.serve:review", name="review", help="Look at every knee, and correct it.")
app.command("deployments.up:up", name="up", help="Start a server with its UI, workers and the deployments.")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line and exit: 0 done, 1 the work failed, 2 wrong usage, 130 interrupted.

    Args:
        arguments: The words after `jsl`; those of this process by default. `--debug` among them prints an
            error's traceback.
    """
    # Beside the tests' packages Prefect's HTTP client imports trio, of which hypothesis warns.
    warnings.filterwarnings("ignore", message="It looks like `register_random`")
    atexit.register(_silence_teardown)  # the first to be registered is the last to be called
    isolate_children()
    words = list(sys.argv[1:] if arguments is None else arguments)
    debug = "--debug" in words
    try:
        try:
            words = replace_help_all(expand_words([word for word in words if word != "--debug"]), _help)
            if not words or words[0] in app.help_flags:
                _load_commands()
            app(words, exit_on_error=False, print_error=False)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:  # the reader has closed its end, as `head` does
        _discard_output()
        sys.exit(_FAILED)
    except CycloptsError as error:
        cause = error.__cause__
        message = str(error).partition(" Available ")[0]
        if isinstance(cause, ValidationError):
            message = describe_validation_error(cause)
        print(f"jsl: {message.rstrip('.')}; see jsl {HELP_ALL}", file=sys.stderr)
        sys.exit(_WRONG_USAGE)
    except KeyboardInterrupt:
        print(
            "jsl: interrupted; what is finished is kept, the same command goes on from there", file=sys.stderr
        )
        sys.exit(_INTERRUPTED)
    except Exception as error:
        if isinstance(error, OSError) and not error.filename:  # perhaps of the output itself: a full disk
            _discard_output()
        if debug:
            raise
        print(f"jsl: {error_line(error)}", file=sys.stderr)
        sys.exit(_FAILED)
    sys.exit(_DONE)


def _silence_teardown() -> None:
    """Drop what comes after this process's last word: Triton, which PyTorch loads, lists its leaks then."""
    if "triton" in sys.modules:
        sys.stderr.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), 2)


def _load_commands() -> None:
    """Import the commands that the help lists, which tells what their docstrings say."""
    for command in _COMMANDS:
        name = command.partition(":")[2]
        if name in SHORT_LIST or not _help.is_short:
            app[name]


def _discard_output() -> None:
    """Keep Python from flushing at its end what cannot be written."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
