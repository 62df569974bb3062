"""Starts a retraining when enough knees have got a label."""

from pathlib import Path

from prefect.client.orchestration import SyncPrefectClient

from flows.orchestration.deployment_runs import start_run_once
from jsl_core.config import PipelineSettings, RetrainSettings, WatchSettings
from jsl_core.landing import Ledger
from tasks.caching import Placement
from tasks.new_labels import count_new_labels

__all__ = ["trigger_retraining"]


def trigger_retraining(
    client: SyncPrefectClient,
    ledger: Ledger,
    settings: PipelineSettings,
    watching: WatchSettings,
    rule: RetrainSettings,
) -> None:
    """Start a retraining if enough new labels of landed knees have come since the last model was made.

    The idempotency key names the labels, so the same labels start one retraining; should it fail, as many
    again start another.
    """
    count, versions = count_new_labels(ledger, Path(settings.cohort), rule.regime, Placement.of(settings))
    if count >= watching.retrain_after:
        parameters = {
            "settings": settings.model_dump(mode="json", exclude_defaults=True),
            "rule": rule.model_dump(mode="json", exclude_defaults=True),
        }
        key = f"{ledger.name}:{rule.regime}:{versions}:{count // watching.retrain_after}"
        start_run_once(client, "retrain/retrain", parameters, key)
