"""The key of pseudonyms: from a file or the environment, and never stored, logged or shown."""

import os
from pathlib import Path

from jsl_core.errors import BadSettings
from jsl_core.imaging.names import Pseudonyms

__all__ = ["KEY_VARIABLE", "load_pseudonyms"]

KEY_VARIABLE = "JSL_PSEUDONYM_KEY"
_SHORTEST = 16  # characters


def load_pseudonyms(key_file: Path | str = "", *, reveal: bool = False) -> Pseudonyms:
    """Load the key of pseudonyms from a file, or where none is named from the environment.

    Args:
        key_file: A text file that holds the key and nothing else; blanks at its ends do not count.
        reveal: Whether rows say whom their pseudonyms stand for.

    Raises:
        BadSettings: If there is no key, or one that could be guessed.
    """
    place = f"set {KEY_VARIABLE}, or name a file,"
    key = os.environ.get(KEY_VARIABLE, "").encode()
    if key_file:
        place = f"write into {key_file}"
        try:
            key = Path(key_file).read_bytes().strip()
        except OSError as error:
            raise BadSettings(
                f"pseudonym_key {key_file}: cannot be read ({error.strerror}); name a file with the key"
            ) from None
    if len(key) < _SHORTEST:
        raise BadSettings(f"pseudonymise: no key; {place} a secret of at least {_SHORTEST} characters")
    return Pseudonyms(key, reveal=reveal)
