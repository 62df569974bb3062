"""`jsl review`: a page to look at every knee of a run, and to correct what is wrong."""

import getpass
import logging
import secrets
from typing import TYPE_CHECKING

from deployments.listening import browser_host, check_port_is_free
from deployments.password import lab_password
from deployments.review.access import LOCAL_HOSTS, Access
from jsl_core.errors import BadSettings
from jsl_core.review.acts import LONGEST_NAME
from jsl_core.storage import open_existing_store

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["review"]


def review(
    store: str = "jsl-store",
    /,
    *,
    run: str = "latest",
    grade: str = "",
    agreement: bool = False,
    who: str = "",
    host: str = "127.0.0.1",
    port: int = 8765,
    wait: bool = False,
) -> None:
    """Look at every knee of a run in a browser, and correct boxes, sides, margins and grades; Ctrl-C ends it.

    What is done is appended to corrections.csv in the store; jsl run --corrections store lays it over the
    next run, which does again only what it touches.

    Args:
        store: Folder, or s3://bucket/prefix.
        run: A run by its name, id or folder, or how one begins; latest for the newest.
        grade: A reader's name: a page for grading blindly, without labels and predictions.
        agreement: Print instead how far readers agree, with each other, the labels and the model (kappa).
        who: Your name, as it stands beside what you change; by default your name on this machine.
        host: The address to listen at; beyond this machine the page needs the token of the printed link, or
            everywhere the `user:password` that PREFECT_SERVER_API_AUTH_STRING holds, as the server does.
        port: The port to listen at.
        wait: Open the page even where there is no run yet, and show the first one when it has begun.
    """
    if agreement:
        from deployments.review.agreement import print_agreement

        print_agreement(open_existing_store(store), run)
        return
    for option, name in (("--grade", grade), ("--who", who)):
        _check_name(option, name)
    check_port_is_free(host, port)
    import uvicorn  # with FastAPI: a second that no other command waits for

    from deployments.review.app import build_app
    from deployments.review.desk import Desk
    from deployments.review.waiting import WaitingPage

    password = lab_password()
    token = "" if password or host in LOCAL_HOSTS else secrets.token_urlsafe(24)
    access = Access(token, password)
    address = f"http://{browser_host(host)}:{port}/" + (f"?token={token}" if token else "")

    def open_page() -> "FastAPI":
        desk = Desk(open_existing_store(store), run, grade.strip())
        desk.make_thumbnails()
        print(
            f"{len(desk.shown_entries())} entries of run {desk.name}: {address}   Ctrl-C ends it.", flush=True
        )
        return build_app(desk, access, who or _user())

    page = WaitingPage(open_page, access) if wait else open_page()
    if wait:
        print(f"Waits for the first run of store {store}: {address}   Ctrl-C ends it.", flush=True)
    logging.getLogger("uvicorn.error").setLevel(logging.WARNING)
    uvicorn.run(page, host=host, port=port, access_log=False, log_config=None, lifespan="off")


def _check_name(option: str, name: str) -> None:
    """Refuse a person's name under which nothing could be recorded."""
    if len(name) > LONGEST_NAME or not name.isprintable():
        raise BadSettings(f"{option}: a name is one line of {LONGEST_NAME} characters at most; shorten it")


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without a name
        return "reviewer"
