"""What a path means: `~` is the user's folder, and a relative one starts where it is named."""

from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import url2pathname

__all__ = ["expand_path", "resolve_path"]


def expand_path(text: str) -> str:
    """Write a path without `~` and `file://`; any other URL, and the empty text, stay as they are.

    Args:
        text: A path, as a user wrote it.

    Raises:
        ValueError: For a `file:` URL of another machine, or the folder of a user who is not known here.

    Examples:
        >>> expand_path("file:///data/film%201.dcm")
        '/data/film 1.dcm'
        >>> expand_path("s3://bucket/~/films")
        's3://bucket/~/films'
    """
    if text.lower().startswith("file://"):
        parts = urlsplit(text)
        if parts.netloc not in ("", "localhost"):
            raise ValueError(f"{text} names no file of this machine; write file:///folder/name, or the path")
        return url2pathname(parts.path)
    if not text.startswith("~"):
        return text
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        raise ValueError(f"{text}: there is no such user here; write the whole path") from None


def resolve_path(text: str, base: Path) -> str:
    """Write a path as it is found from anywhere: a relative one begins at `base`.

    Args:
        text: A path or URL; the empty text stays empty.
        base: The folder of the file that names the path, or the current one for an option.

    Raises:
        ValueError: As for `expand_path`.
    """
    path = expand_path(text)
    return path if not path or "://" in path else str(base.absolute() / path)
