"""A process worker whose runs are started by its own interpreter, at once."""

import shlex
import sys
from uuid import uuid4

import pytest
from prefect.client.schemas.objects import FlowRun
from prefect.workers.process import ProcessWorker

from deployments.worker import start_runs_directly


@pytest.fixture
def job(monkeypatch):
    monkeypatch.setattr(ProcessWorker, "job_configuration", ProcessWorker.job_configuration)
    start_runs_directly()
    return ProcessWorker.job_configuration


def prepared(job):
    job.prepare_for_flow_run(FlowRun(flow_id=uuid4()))
    return job


def test_a_run_is_started_by_the_workers_own_interpreter(job):
    made = prepared(job())
    assert shlex.split(made.command) == [sys.executable, "-m", "prefect.engine"]
    assert made._command_configured  # what has Prefect's worker leave out the process that looks for the code


def test_a_command_that_a_deployment_names_is_kept(job):
    assert prepared(job(command="python3 -m prefect.engine")).command == "python3 -m prefect.engine"
