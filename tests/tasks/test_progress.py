"""Progress of a task on its run's page."""

import pytest
from prefect import flow, task
from prefect.artifacts import Artifact
from prefect.client.orchestration import get_client
from prefect.client.schemas.filters import ArtifactFilter

from tasks import progress
from tasks.progress import Progress

pytestmark = pytest.mark.usefixtures("prefect")


@task
def work(name: str) -> None:
    bar = Progress(name, 2)
    bar.step()
    bar.step(note="the last")


@flow
def working(name: str) -> None:
    work(name)


def shown(name: str) -> list[Artifact]:
    with get_client(sync_client=True) as client:
        mine = ArtifactFilter.model_validate({"key": {"any_": [name]}})
        return client.read_artifacts(artifact_filter=mine)


def test_long_work_shows_one_bar_that_ends_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    working("long")
    (bar,) = shown("long")
    assert (bar.type, bar.data, bar.description) == ("progress", 100.0, "long: 2 of 2 the last")


def test_short_work_costs_the_server_nothing() -> None:
    working("short")
    assert shown("short") == []


def test_a_function_called_on_its_own_has_no_page(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(progress, "_SECONDS", 0.0)
    work.fn("alone")
    assert shown("alone") == []
