"""The server gives out what runs have published, to those who may see it, and nothing else of the store."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from starlette.applications import Starlette
from starlette.testclient import TestClient

from deployments.results import add_results
from jsl_core.storage import FolderStore
from jsl_core.storage.run_links import report_link

REPORT = "runs/20260131T080000Z-lab/report.html"


@pytest.fixture
def store(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FolderStore:
    store = FolderStore(tmp_path / "store")
    for key in (REPORT, "registry/kl/versions/a.json", "runs/x/secret.pem"):
        store.write(key, b"<h1>content</h1>")
    (tmp_path / "outside.html").write_text("outside")
    monkeypatch.setenv("JSL_RESULTS_STORE", store.url)
    monkeypatch.delenv("PREFECT_SERVER_API_AUTH_STRING", raising=False)
    return store


@pytest.fixture
def client() -> Iterator[TestClient]:
    app = Starlette()
    add_results(app)
    with TestClient(app) as client:
        yield client


def test_the_link_of_a_report_opens_it_as_a_page_that_may_run_nothing(
    store: FolderStore, client: TestClient
) -> None:
    answer = client.get(report_link(store, REPORT))
    assert (answer.status_code, answer.text) == (200, "<h1>content</h1>")
    assert answer.headers["content-type"].startswith("text/html")
    assert "default-src 'none'" in answer.headers["content-security-policy"]


@pytest.mark.parametrize(
    "path",
    [
        "registry/kl/versions/a.json",
        "runs/x/secret.pem",
        "runs/../registry/kl/versions/a.json",
        "runs/%2e%2e/%2e%2e/outside.html",
        "runs//etc/passwd.html",
        "%00runs/a.html",
        "runs/none/report.html",
        "",
    ],
)
def test_nothing_else_is_given_out(path: str, store: FolderStore, client: TestClient) -> None:
    answer = client.get(f"/results/{path}")
    assert answer.status_code == 404
    assert "content" not in answer.text


def test_where_the_api_has_a_password_reports_have_it_too(
    store: FolderStore, client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PREFECT_SERVER_API_AUTH_STRING", "reader:söme")
    address = report_link(store, REPORT)
    for auth in (None, ("reader", "other"), ("", "")):
        answer = client.get(address, auth=auth)
        assert answer.status_code == 401
        assert answer.headers["www-authenticate"].startswith("Basic")
    assert client.get(address, auth=("reader", "söme")).status_code == 200


def test_a_store_that_the_server_does_not_show_has_no_link(store: FolderStore, tmp_path: Path) -> None:
    assert report_link(FolderStore(tmp_path / "other"), REPORT) == ""
