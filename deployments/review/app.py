"""The routes of the page. No address names anybody: entries go by digests."""

import mimetypes
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from fastapi import FastAPI, HTTPException, Request, Response
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from deployments.review.access import Access
from deployments.review.changes import Change, apply_change, shown_acts
from deployments.review.desk import Desk, UnknownKnee
from deployments.review.knee import describe_knee, draw_entry_film, draw_entry_joint, measure_knee
from deployments.review.pictures import THUMBNAIL, encode_webp, fit_into
from jsl_core.errors import JslError
from jsl_core.review.acts import LONGEST_NAME
from jsl_core.review.journal import Conflict

__all__ = ["build_app"]

_PAGE = Path(__file__).with_name("page")
_FOREVER = {"Cache-Control": "private, max-age=31536000, immutable"}
_FRESH = {"Cache-Control": "no-store"}
_SAFE = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data:; frame-ancestors 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
}
_LARGEST = 1 << 20  # bytes of a request


class Changes(BaseModel):
    """Changes that are made one after another, and who makes them."""

    model_config = ConfigDict(extra="forbid")

    who: str = Field("", max_length=LONGEST_NAME)
    changes: list[Change] = Field(min_length=1, max_length=8)


def build_app(desk: Desk, access: Access, who: str) -> FastAPI:
    """Build the page's server.

    Args:
        desk: The run that is shown.
        access: Who may come in.
        who: The reviewer where the page names none.
    """
    app = FastAPI(title="jsl review", docs_url=None, redoc_url=None, openapi_url=None)
    _guard(app, access)
    _serve_page(app)
    _serve_pictures(app, desk)

    @app.get("/api/sheet")
    def sheet() -> Response:
        headers = {"Content-Encoding": "gzip", **_FRESH}
        return Response(desk.sheet, media_type="application/json", headers=headers)

    @app.get("/api/acts")
    def acts(known: int = -1) -> dict[str, Any]:
        count = len(desk.journal.acts())  # acts are only ever added
        return {"known": count, "who": who} | ({} if count == known else {"acts": shown_acts(desk)})

    @app.get("/api/more")
    def more() -> dict[str, bool]:
        return {"more": desk.has_more()}

    @app.post("/api/reload")
    def reload() -> dict[str, bool]:
        desk.load()
        desk.make_thumbnails()
        return {"loaded": True}

    @app.get("/api/knee/{key}")
    def knee(key: str) -> dict[str, Any]:
        return describe_knee(desk, desk.entry(key))

    @app.get("/api/margins/{key}")
    def margins(key: str) -> dict[str, Any]:
        return measure_knee(desk, desk.entry(key))

    @app.post("/api/acts")
    def act(request: Changes) -> dict[str, Any]:
        name = request.who.strip() or who
        return {"acts": [act for change in request.changes for act in apply_change(desk, change, name)]}

    return app


def _serve_page(app: FastAPI) -> None:
    # Read once: files of a program that is updated meanwhile would not fit the server's.
    files = {file.name: file.read_bytes() for file in sorted(_PAGE.iterdir()) if file.is_file()}

    @app.get("/")
    def index() -> Response:
        return page_file("index.html")

    @app.get("/{name}")
    def page_file(name: str) -> Response:
        if name not in files:
            raise HTTPException(404, "there is no such file")
        kind = "text/javascript" if name.endswith(".js") else mimetypes.guess_type(name)[0]
        return Response(files[name], media_type=kind, headers={"Cache-Control": "no-cache"})


def _serve_pictures(app: FastAPI, desk: Desk) -> None:
    def webp(data: bytes, headers: dict[str, str]) -> Response:
        return Response(data, media_type="image/webp", headers=headers)

    @app.get("/thumbnail/{key}")
    def thumbnail(key: str) -> Response:
        entry = desk.entry(key)
        if entry.picture is not None:
            return webp(desk.thumbnails.get(entry.picture), _FOREVER)
        if entry.packed is not None:
            return webp(encode_webp(fit_into(desk.saliency.image(entry.packed), THUMBNAIL)), _FOREVER)
        raise HTTPException(404, "there is no picture of it")

    @app.get("/film/{key}")
    def film(key: str) -> Response:
        return webp(draw_entry_film(desk, desk.entry(key)), _FOREVER)

    @app.get("/joint/{key}")
    def joint(key: str) -> Response:
        return webp(draw_entry_joint(desk, desk.entry(key)), _FOREVER)

    @app.get("/saliency/{key}")
    def saliency(key: str) -> Response:
        entry = desk.entry(key)
        if entry.packed is None or not desk.saliency.is_there or desk.reader:
            raise HTTPException(404, "the run has no model that looked at this knee")
        return webp(desk.saliency.draw(entry.packed), _FOREVER)


def _guard(app: FastAPI, access: Access) -> None:
    @app.middleware("http")
    async def let_in(request: Request, proceed: Callable[[Request], Awaitable[Response]]) -> Response:
        refusal = access.refuse(request)
        endless = "transfer-encoding" in request.headers  # sent in chunks: nobody knows how many
        length = "" if endless else request.headers.get("content-length", "0")
        if refusal is None and (not length.isdigit() or int(length) > _LARGEST):
            refusal = _problem(413, "too much for one request")
        answer = refusal or await proceed(request)
        answer.headers.update(_SAFE)
        return answer

    @app.exception_handler(UnknownKnee)
    def unknown(_: Request, error: UnknownKnee) -> Response:
        return _problem(404, str(error))

    @app.exception_handler(Conflict)
    def conflict(_: Request, error: Conflict) -> Response:
        return _problem(409, str(error))

    @app.exception_handler(ValueError)
    def unusable(_: Request, error: ValueError) -> Response:
        return _problem(422, _one_line(error))

    @app.exception_handler(JslError)
    def trouble(_: Request, error: JslError) -> Response:
        return _problem(503, str(error))


def _one_line(error: ValueError) -> str:
    """What is wrong; of Pydantic's errors the first."""
    errors = getattr(error, "errors", None)
    return str(errors()[0]["msg"]).removeprefix("Value error, ") if errors else str(error)


def _problem(status: int, sentence: str) -> Response:
    return JSONResponse({"detail": sentence}, status, headers=_FRESH)
