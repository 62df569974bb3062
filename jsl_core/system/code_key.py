"""What a function's result depends on besides its arguments: code, and the libraries that this imports."""

import hashlib
import json
import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from jsl_core.system.import_closure import import_closure, source_stamps
from jsl_core.system.library_versions import library_versions

__all__ = ["EXEMPT", "CodeKey", "code_key"]

# What functions reach and no result shows. Whatever else they import counts.
EXEMPT: Mapping[str, str] = {
    "jsl_core.errors": "kinds of failure; what becomes of a scan is decided where they are raised and caught",
    "jsl_core.storage": "keeps bytes under their digest and gives back the same, whatever way it does so",
    "jsl_core.system.code_key": "makes keys",
    "jsl_core.system.files": "how bytes get to a disk",
    "jsl_core.system.import_closure": "makes keys",
    "jsl_core.system.isolation": "from where processes import nothing",
    "jsl_core.system.library_versions": "makes keys",
    "jsl_core.system.source_code": "makes keys",
    "jsl_core.system.locking": "who waits for whom",
    "jsl_core.system.paths": "where something lies",
    "jsl_core.system.patience": "for how long a server is waited for",
    "jsl_core.system.progress": "what a person sees meanwhile",
    "tasks.cache_key": "makes keys",
    "tasks.caching": "finds and keeps results",
    "tasks.progress": "what a person sees meanwhile",
    "tasks.run_history": "notes what a run asked for",
}


@dataclass(frozen=True)
class CodeKey:
    """The parts of a key that code decides.

    Attributes:
        code: SHA-256 of each module and data file that the function reaches.
        libraries: The version of each library that these import, as far as it counts.
    """

    code: Mapping[str, str]
    libraries: Mapping[str, str]

    @property
    def digest(self) -> str:
        """One SHA-256 of all of it."""
        parts = json.dumps([dict(self.code), dict(self.libraries)], sort_keys=True)
        return hashlib.sha256(parts.encode()).hexdigest()


# A process that imported a module before somebody edited it runs the old code under no key that others have.
_STAMPS = source_stamps()
_EDITED = {"a file that was edited while this process was at work": secrets.token_hex(8)}


def code_key(function: Callable[..., Any], exact: bool = False) -> CodeKey:
    """Derive the key of a function; `exact` counts every part of every library's version.

    Where a source file was edited after this process began, the key is this process's own.
    """
    try:
        closure = import_closure(function, frozenset(EXEMPT))
    except LookupError:  # the function has moved within its file
        return CodeKey(_EDITED, {})
    is_edited = any(file.stat().st_mtime_ns != _STAMPS[file] for file in closure.files & _STAMPS.keys())
    code = {**closure.code, **_EDITED} if is_edited else closure.code
    return CodeKey(code, library_versions(closure.libraries, exact))
