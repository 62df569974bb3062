"""Idle workers take shards of the buckets; what they do not take, or die of, prepare does itself."""

from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from uuid import uuid4

import pytest
from prefect.states import Cancelled, Completed, Running, Scheduled

from flows.orchestration import idle_workers
from jsl_core.config import PipelineSettings
from jsl_core.storage import Artifact
from tasks.caching import Placement
from tasks.lists import get_list

BUCKETS = [
    [Artifact.of_bytes(f"{bucket}-{scan}".encode(), "film") for scan in range(2 if bucket < 8 else 4)]
    for bucket in range(13)
]


class Server:
    """Runs of `shard`, and the states through which each goes while it is asked for."""

    def __init__(self, **states: list[Any]) -> None:
        self.states, self.cancelled = states, list[str]()
        self.parameters: dict[str, dict[str, Any]] = {}

    def start(self, client: Any, deployment: str, parameters: dict[str, Any], key: str) -> Any:
        number = key.rpartition(":")[2]
        self.parameters[number] = parameters
        return self.read_flow_run(number)

    def read_flow_run(self, number: str) -> Any:
        states = self.states[f"run{number}"]
        state = states.pop(0) if len(states) > 1 else states[0]
        return SimpleNamespace(id=number, state=state)

    def set_flow_run_state(self, number: str, state: Any) -> None:
        assert state.is_cancelled()
        self.cancelled.append(number)
        self.states[f"run{number}"] = [Cancelled()]


@pytest.fixture
def own_buckets(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """The buckets that prepare worked on itself before the shards were awaited."""
    own: list[Any] = []
    monkeypatch.setattr(idle_workers, "prepare_joints", lambda buckets, *_: own.extend(buckets))
    monkeypatch.setattr(idle_workers, "runs_from_deployment", lambda: True)
    monkeypatch.setattr(idle_workers, "_FEWEST_SCANS", 12)
    monkeypatch.setattr(idle_workers, "_POLL_SECONDS", 0)
    monkeypatch.setattr(idle_workers.runtime.flow_run, "id", str(uuid4()), raising=False)
    return own


def share(monkeypatch: pytest.MonkeyPatch, server: Server, workers: int, store: Path) -> Placement:
    settings = PipelineSettings(store=str(store))
    monkeypatch.setattr(idle_workers, "get_client", lambda sync_client: nullcontext(server))
    monkeypatch.setattr(idle_workers, "_count_workers", lambda client: workers)
    monkeypatch.setattr(idle_workers, "start_run_once", server.start)
    placement = Placement.of(settings)
    idle_workers.prepare_on_idle_workers(BUCKETS, settings, placement)
    return placement


def test_every_bucket_is_in_one_shard_or_prepared_here(
    monkeypatch: pytest.MonkeyPatch, own_buckets: list[Any], tmp_path: Path
) -> None:
    server = Server(run1=[Scheduled(), Running(), Completed()], run2=[Scheduled(), Completed()])
    placement = share(monkeypatch, server, 3, tmp_path)
    shared = [
        bucket
        for parameters in server.parameters.values()
        for bucket in get_list(placement.open(), Artifact.model_validate(parameters["buckets"]))
    ]
    assert sorted(map(str, [*own_buckets, *shared])) == sorted(map(str, BUCKETS))
    assert len(server.parameters) == 2
    assert 10 <= sum(map(len, own_buckets)) <= 14  # a third of 36 scans, or nearly so
    assert server.cancelled == []


def test_a_shard_that_no_worker_has_begun_is_cancelled(
    monkeypatch: pytest.MonkeyPatch, own_buckets: list[Any], tmp_path: Path
) -> None:
    server = Server(run1=[Scheduled()], run2=[Running(), Completed()])
    share(monkeypatch, server, 8, tmp_path)  # more workers than there are shards worth starting
    assert server.cancelled == ["1"]


@pytest.mark.parametrize("workers", [0, 1])
def test_one_worker_shares_nothing(
    monkeypatch: pytest.MonkeyPatch, own_buckets: list[Any], tmp_path: Path, workers: int
) -> None:
    server = Server()
    share(monkeypatch, server, workers, tmp_path)
    assert (server.parameters, own_buckets) == ({}, [])
