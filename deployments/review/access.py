"""Who may use the page: who has the lab's password; or this machine's browsers, and others with a token."""

import hmac
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response

from deployments.password import CHALLENGE, has_password

__all__ = ["LOCAL_HOSTS", "Access"]

LOCAL_HOSTS = ("127.0.0.1", "localhost", "::1")
_COOKIE = "jsl_review"
_WRITES = frozenset({"POST", "PUT", "DELETE", "PATCH"})


class Access:
    """Lets requests through that may come in.

    With a password only those that bring it. Without one, and without a token, only those that name this
    machine as host: a page of another site whose name was made to lead here cannot ask. With a token, only
    those that bring it, once in the address (`?token=…`) and then as a cookie. A write must come from the
    page itself.
    """

    def __init__(self, token: str, password: str = "") -> None:
        """Let in who brings what is asked for.

        Args:
            token: Of the printed link; blank where the page is open to this machine alone.
            password: The lab's `user:password`, which takes the token's place; blank where it has none.
        """
        self._token = token
        self._password = password

    def refuse(self, request: Request) -> Response | None:
        """The answer to a request that is not let in, or that brings the token; None for all others."""
        host = request.headers.get("host", "")
        if not self._token and not self._password and _name_of(host) not in LOCAL_HOSTS:
            return PlainTextResponse("This page is open to its own machine alone.", 403)
        if request.method in _WRITES and not _is_from_page(request, host):
            return PlainTextResponse("Only the page itself may write.", 403)
        if self._password:
            has = has_password(request.headers.get("authorization", ""), self._password)
            return None if has else PlainTextResponse("name and password", 401, CHALLENGE)
        if not self._token:
            return None
        brought = request.query_params.get("token", "")
        if brought and hmac.compare_digest(brought.encode(), self._token.encode()):
            answer = RedirectResponse(request.url.path, 303)
            answer.set_cookie(_COOKIE, self._token, httponly=True, samesite="strict", max_age=7 * 86400)
            return answer
        if hmac.compare_digest(request.cookies.get(_COOKIE, "").encode(), self._token.encode()):
            return None
        return PlainTextResponse("Open the link with its token, as jsl review has printed it.", 401)


def _name_of(host: str) -> str | None:
    """The name in a Host header, without the port: a tunnel may lead here from another one."""
    try:
        return urlsplit(f"//{host}").hostname
    except ValueError:
        return None


def _is_from_page(request: Request, host: str) -> bool:
    """Whether a write comes from a script of the page: forms of other sites send no JSON, nor our origin."""
    origin = request.headers.get("origin")
    is_json = request.headers.get("content-type", "").startswith("application/json")
    return is_json and (origin is None or urlsplit(origin).netloc == host)
