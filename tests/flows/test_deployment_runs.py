"""A caller waits for a run on another pool to its end, and a crash is not the end of one that goes on."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from prefect.states import Cancelled, Completed, Crashed, Failed, Pending, Running, Scheduled, State

from flows.orchestration.deployment_runs import _has_ended
from flows.orchestration.events import MOST_RUNS

LONG_AGO = datetime.now(UTC) - timedelta(minutes=10)


@pytest.mark.parametrize("state", [None, Scheduled(), Pending(), Running()])
def test_a_run_at_work_has_not_ended(state: State | None) -> None:
    assert not _has_ended(SimpleNamespace(state=state, run_count=1))


@pytest.mark.parametrize("state", [Completed(), Failed(), Cancelled()])
def test_a_final_state_is_an_end(state: State) -> None:
    assert _has_ended(SimpleNamespace(state=state, run_count=1))


def test_a_crashed_run_goes_on_unless_it_is_not_rescheduled_or_crashed_too_often() -> None:
    assert not _has_ended(SimpleNamespace(state=Crashed(), run_count=1))
    assert _has_ended(SimpleNamespace(state=Crashed(timestamp=LONG_AGO), run_count=1))
    assert _has_ended(SimpleNamespace(state=Crashed(), run_count=MOST_RUNS))
