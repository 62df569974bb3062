"""UIDs that follow from what they name, so that a result which is made twice is the same object."""

import re
from uuid import UUID, uuid5

__all__ = ["derive_uid", "is_uid"]

_NAMESPACE = UUID("6c7f6f0e-4a2f-4b8c-9f5d-2d1f0f7a5c11")  # drawn once, for all UIDs of JSL
_UID = re.compile(r"(0|[1-9][0-9]*)(\.(0|[1-9][0-9]*))+")
_LONGEST = 64  # PS3.5 9.1


def derive_uid(*parts: str) -> str:
    """The UID of what these parts name, below the root of UUIDs, which belongs to nobody (PS3.5 B.2)."""
    return f"2.25.{uuid5(_NAMESPACE, chr(0).join(parts)).int}"


def is_uid(text: str) -> bool:
    """Whether a text is a UID by the letter of the standard: safe as a file's name, too."""
    return len(text) <= _LONGEST and _UID.fullmatch(text) is not None
