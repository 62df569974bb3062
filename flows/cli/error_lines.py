"""One line for every error that ends a command: what went wrong, where, and what to do."""

import errno
import os
import re
import traceback
from pathlib import Path

from pydantic import ValidationError

from jsl_core.config import describe_validation_error
from jsl_core.errors import JslError

__all__ = ["describe_server_error", "error_line"]

_DEBUG = "run again with --debug"
_OWN_PACKAGES = ("jsl_core", "tasks", "flows", "deployments")
_NOT_LET_IN = (401, 403)  # HTTP: no password or a wrong one, not this user
_LONG_WORD = re.compile(r"\S{400,}")
_LONGEST = 1500  # characters
_REMEDIES = {
    errno.EACCES: "change its permissions or choose another place",
    errno.EPERM: "change its permissions or choose another place",
    errno.EROFS: "choose another place",
    errno.ENOENT: "check the path",
    errno.ENOTDIR: "check the path",
    errno.EISDIR: "name a file",
    errno.EEXIST: "choose another place or move it away",
    errno.ENOSPC: "free some space and run again (finished work is kept)",
    errno.EDQUOT: "free some space and run again (finished work is kept)",
    errno.EMFILE: "raise the limit of open files (ulimit -n)",
    errno.ENOMEM: "use fewer --jobs or a smaller batch",
    errno.EADDRINUSE: "choose another --port",
}


def error_line(error: BaseException) -> str:
    """Describe an error in one line.

    Errors that a user can cause say what to do; anything else is an internal error, to be reported.
    """
    while isinstance(error, BaseExceptionGroup) and len(error.exceptions) == 1:
        error = error.exceptions[0]
    return _shorten(" ".join(_describe(error).split()))


def _shorten(line: str) -> str:
    """The line without the middle of what no terminal shows, as a cell of 200,000 letters."""
    line = _LONG_WORD.sub(lambda word: f"{word[0][:100]}…{word[0][-40:]}", line)
    return line if len(line) <= _LONGEST else f"{line[: _LONGEST - 300]} … {line[-297:]}"


def _describe(error: BaseException) -> str:
    match error:
        case JslError():
            return str(error)
        case ValidationError():
            return f"{error.title}: {describe_validation_error(error)}; correct that value"
        case UnicodeDecodeError():
            file = _file_with(error)
            where = f"{file}: is not UTF-8" if file else "a text file is not UTF-8"
            return f"{where} (byte {error.object[error.start]:#04x} at {error.start}); save it as UTF-8"
        case ModuleNotFoundError(name=str(name)) if (package := name.partition(".")[0]) not in _OWN_PACKAGES:
            return f"the Python package {package} is missing; install it into this environment"
        case OSError():
            return _describe_os_error(error)
        case RecursionError():
            return f"the input is nested too deeply; make it flatter, or {_DEBUG} to see where"
    kinds = type(error).__mro__
    if {"MemoryError", "OutOfMemoryError"} & {kind.__name__ for kind in kinds}:  # PyTorch's own, for the GPU
        return "out of memory; use fewer --jobs, a smaller batch or smaller images"
    no_answer = any(kind.__module__.startswith("httpx") for kind in kinds)
    if no_answer or str(error).startswith("Failed to reach API"):
        return describe_server_error(os.environ.get("PREFECT_API_URL", ""), error)
    return f"internal error: {type(error).__name__}: {error}{_place(error)}; {_DEBUG} and report it"


def describe_server_error(server: str, error: BaseException) -> str:
    """Why the Prefect server at an address could not be asked, and what to do about it."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status in _NOT_LET_IN:
        return (
            f"the Prefect server {server} does not let this user in (status {status}); set "
            "PREFECT_API_AUTH_STRING to its user:password"
        )
    return f"the Prefect server {server} does not answer ({error}); start it, or unset PREFECT_API_URL"


def _describe_os_error(error: OSError) -> str:
    files = " to ".join(str(name) for name in (error.filename, error.filename2) if name is not None)
    where = f"{files}: " if files else ""
    what = (error.strerror or str(error) or type(error).__name__).rstrip(".")
    return f"{where}{what[:1].lower()}{what[1:]}; {_REMEDIES.get(error.errno or 0, f'{_DEBUG} to see where')}"


def _file_with(error: UnicodeDecodeError) -> Path | None:
    """The file that could not be decoded: a path of the frames that failed whose bytes have the fault."""
    for frame, _ in reversed(list(traceback.walk_tb(error.__traceback__))):
        for value in frame.f_locals.values():
            if not isinstance(value, Path) or not value.is_file():
                continue
            try:
                value.read_text(error.encoding)
            except UnicodeDecodeError:
                return value
            except OSError:
                continue
    return None


def _place(error: BaseException) -> str:
    """The innermost line of this project that the error passed."""
    root = Path(__file__).parents[2]
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        file = Path(frame.filename)
        if file.is_relative_to(root) and (inner := file.relative_to(root)).parts[0] in _OWN_PACKAGES:
            return f" ({inner}:{frame.lineno})"
    return ""
