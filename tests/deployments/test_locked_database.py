"""Requests that write go one after another, and again where the database was locked; others do not wait."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from deployments import locked_database
from deployments.locked_database import QueuedWrites

Handler = Callable[[Request], Awaitable[Response]]


class Locked(Exception):
    """As SQLite's error, for which Prefect's application answers 503."""


async def answer_503(request: Request, error: Exception) -> Response:
    return JSONResponse({"exception_message": "Service Unavailable"}, 503)


def server(handler: Handler, patience: float = 600.0) -> QueuedWrites:
    routes = [Route("/{path:path}", handler, methods=["GET", "POST"])]
    # As Prefect has it: the handler of Exception answers, and the error is raised besides.
    return QueuedWrites(Starlette(routes=routes, exception_handlers={Exception: answer_503}), patience)


def ask(app: Any, *requests: tuple[str, str, bytes]) -> list[httpx.Response]:
    async def all_at_once() -> list[httpx.Response]:
        transport = httpx.ASGITransport(app=app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://lab") as client:
            return await asyncio.gather(
                *(client.request(method, path, content=body) for method, path, body in requests)
            )

    return asyncio.run(all_at_once())


@pytest.fixture(autouse=True)
def no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(locked_database, "_PAUSE", (0.0, 0.0))


@pytest.mark.parametrize("method", ["POST", "GET"])
def test_a_request_that_was_refused_is_made_again_with_the_same_body(method: str) -> None:
    bodies = []

    async def refuse_twice(request: Request) -> Response:
        bodies.append(await request.body())
        if len(bodies) < 3:
            raise Locked
        return JSONResponse({"id": 1}, 201)

    (answer,) = ask(server(refuse_twice), (method, "/create_flow_run", b"parameters"))
    assert (answer.status_code, answer.json()) == (201, {"id": 1})
    assert bodies == [b"parameters"] * 3


def test_when_patience_is_at_its_end_the_refusal_is_passed_on() -> None:
    async def refuse(request: Request) -> Response:
        raise Locked

    (answer,) = ask(server(refuse, patience=0.0), ("POST", "/create_flow_run", b""))
    assert answer.status_code == 503
    assert answer.json() == {"exception_message": "Service Unavailable"}


def test_writes_go_one_after_another_and_questions_all_at_once() -> None:
    at_work: dict[str, int] = {}
    most: dict[str, int] = {}

    async def work(request: Request) -> Response:
        kind = request.url.path
        at_work[kind] = at_work.get(kind, 0) + 1
        most[kind] = max(most.get(kind, 0), at_work[kind])
        for _ in range(20):
            await asyncio.sleep(0)
        at_work[kind] -= 1
        return Response()

    paths = ("/flow_runs/filter", "/flow_runs/1/set_state")
    answers = ask(server(work), *(("POST", path, b"") for path in paths for _ in range(8)))
    assert {answer.status_code for answer in answers} == {200}
    assert most == {"/flow_runs/filter": 8, "/flow_runs/1/set_state": 1}


def test_any_other_answer_is_passed_on_at_once() -> None:
    calls = []

    async def conflict(request: Request) -> Response:
        calls.append(1)
        return JSONResponse({"detail": "no"}, 409)

    (answer,) = ask(server(conflict), ("POST", "/create_flow_run", b"x" * (9 << 20)))
    assert (answer.status_code, len(calls)) == (409, 1)
