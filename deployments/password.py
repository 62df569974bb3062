"""The `user:password` of a lab: Prefect's API asks for it, and so does what stands beside it.

It is Prefect's own variable, so that a lab has one password and no file holds it.
"""

import base64
import os
import secrets

__all__ = ["AUTH", "CHALLENGE", "has_password", "lab_password"]

AUTH = "PREFECT_SERVER_API_AUTH_STRING"
CHALLENGE = {"WWW-Authenticate": 'Basic realm="JSL", charset="UTF-8"'}  # RFC 7617


def lab_password() -> str:
    """The lab's `user:password`; blank where it has none."""
    return os.environ.get(AUTH, "")


def has_password(authorization: str, password: str) -> bool:
    """Whether the header Authorization of a request brings a `user:password`, by the scheme Basic."""
    scheme, _, words = authorization.partition(" ")
    wanted = base64.b64encode(password.encode()).decode()
    return scheme.lower() == "basic" and secrets.compare_digest(words.strip().encode(), wanted.encode())
