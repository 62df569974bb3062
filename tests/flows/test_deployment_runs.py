"""A caller waits for a run on another pool to its end, and a crash is not the end of one that goes on."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running, Scheduled, State

from flows.orchestration.deployment_runs import _over
from flows.orchestration.events import MOST_RUNS

LONG_AGO = datetime.now(UTC) - timedelta(minutes=10)


@pytest.mark.parametrize("state", [None, Scheduled(), Pending(), Running()])
def test_a_run_at_work_is_not_over(state: State | None) -> None:
    assert not _over(SimpleNamespace(state=state, run_count=1))


@pytest.mark.parametrize("state", [Completed(), Failed(), Cancelled()])
def test_an_ended_run_is_over(state: State) -> None:
    assert _over(SimpleNamespace(state=state, run_count=1))


def test_a_run_whose_process_died_goes_on_unless_nobody_makes_it_or_it_died_too_often() -> None:
    assert not _over(SimpleNamespace(state=Crashed(), run_count=1))
    assert _over(SimpleNamespace(state=Crashed(timestamp=LONG_AGO), run_count=1))
    assert _over(SimpleNamespace(state=Crashed(), run_count=MOST_RUNS))
