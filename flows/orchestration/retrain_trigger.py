"""When enough knees have got a label, a retraining is due; whoever notices first starts it."""

from pathlib import Path
from typing import Any

from prefect.client.orchestration import SyncPrefectClient
from prefect.client.schemas.objects import FlowRun

from jsl_core.config import PipelineSettings, RetrainSettings, WatchSettings
from jsl_core.landing import Ledger
from tasks.caching import Placement
from tasks.new_labels import newly_labelled

__all__ = ["retrain_if_due", "start_once"]


def start_once(client: SyncPrefectClient, deployment: str, parameters: dict[str, Any], key: str) -> FlowRun:
    """The run of a deployment with that key: the server makes it only once, so that a claim is atomic."""
    found = client.read_deployment_by_name(deployment)
    return client.create_flow_run_from_deployment(found.id, parameters=parameters, idempotency_key=key)


def retrain_if_due(
    client: SyncPrefectClient,
    ledger: Ledger,
    settings: PipelineSettings,
    watching: WatchSettings,
    rule: RetrainSettings,
) -> None:
    """Start a retraining if enough newly labelled knees have landed since the last model was made.

    The same labels start one retraining; should it fail, as many again start another.
    """
    new, versions = newly_labelled(ledger, Path(settings.cohort), rule.regime, Placement.of(settings))
    if new >= watching.retrain_after:
        told = {
            "settings": settings.model_dump(mode="json", exclude_defaults=True),
            "rule": rule.model_dump(mode="json", exclude_defaults=True),
        }
        key = f"{ledger.name}:{rule.regime}:{versions}:{new // watching.retrain_after}"
        start_once(client, "retrain/retrain", told, key)
