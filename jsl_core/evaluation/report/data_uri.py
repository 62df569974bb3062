"""Bytes that lie inside a page."""

import base64

__all__ = ["data_uri"]


def data_uri(data: bytes, kind: str) -> str:
    """Bytes of a MIME type as a `data:` address."""
    return f"data:{kind};base64,{base64.b64encode(data).decode()}"
