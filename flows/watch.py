"""From a landing folder to batches, each taken exactly once and announced, and to retrainings."""

from datetime import UTC, datetime
from functools import partial
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from prefect import flow
from prefect.client.orchestration import SyncPrefectClient, get_client

from flows.orchestration.crash_recovery import reschedule_dead_runs
from flows.orchestration.deployment_runs import start_run_once
from flows.orchestration.events import LANDED
from flows.orchestration.results_outbox import send_waiting
from flows.orchestration.retrain_trigger import trigger_retraining
from jsl_core.config import PipelineSettings, PresetChoice, RetrainSettings, WatchSettings, apply_preset
from jsl_core.errors import BadSettings
from jsl_core.landing import Batch, Ledger, open_landing, stable_files, take_new_files
from jsl_core.storage import Artifact
from tasks.caching import Placement

__all__ = ["watch"]


@flow(name="watch", persist_result=False)
def watch(
    settings: PipelineSettings,
    preset: PresetChoice = "none",
    watching: WatchSettings = WatchSettings(),
    rule: RetrainSettings = RetrainSettings(),
) -> int:
    """Start an intake for the scans that have landed, and a retraining if enough labels have come.

    Args:
        settings: Where scans land, the table that their labels come from, and how the stages treat them.
        preset: A recipe for all settings; what you change from its default goes before it.
        watching: What is done about scans that land.
        rule: Which model is kept up to date, and when a new one takes its place.

    Returns:
        How many batches were taken.
    """
    settings = apply_preset(settings, preset)
    if not settings.scans or not settings.cohort:
        raise BadSettings("scans or cohort is empty; give the folder where scans land, and the cohort table")
    placement = Placement.of(settings)
    landing = open_landing(settings.scans, placement.folder(), placement.pseudonyms())
    ledger = Ledger(placement.open(), landing)
    parts = {"settings": settings, "watching": watching, "rule": rule}
    parameters = {name: part.model_dump(mode="json", exclude_defaults=True) for name, part in parts.items()}
    with get_client(sync_client=True) as client:
        reschedule_dead_runs(client)
        batches = take_new_files(
            landing,
            ledger,
            stable_files(landing, watching.settle_seconds),
            partial(_start_intake, client, placement, ledger, parameters),
            partial(_announce, client, ledger, "" if settings.pseudonymise else settings.scans),
        )
        if watching.send_to:
            send_waiting(watching.send_to, watching.send_as, placement)
        # Labels come into the table at any time; those of scans that land now are counted by their intake.
        trigger_retraining(client, ledger, settings, watching, rule)
    return len(batches)


def _start_intake(
    client: SyncPrefectClient,
    placement: Placement,
    ledger: Ledger,
    parameters: dict[str, Any],
    number: int,
    batch: Batch,
) -> Batch:
    """Start the intake of a batch; returns the batch that is taken: another watcher may have been quicker."""
    store = placement.open()
    artifact = store.put(batch.model_dump_json().encode(), "batch.json")
    parameters = parameters | {"batch": artifact.model_dump(), "number": number}
    run = start_run_once(client, "intake/intake", parameters, f"{ledger.name}/{number:06d}")
    return Batch.model_validate_json(store.get(Artifact.model_validate(run.parameters["batch"])))


def _announce(client: SyncPrefectClient, ledger: Ledger, scans: str, number: int, batch: Batch) -> None:
    """Send the server the event of a batch and wait for it; its id makes a second one a no-op."""
    event = {
        "id": str(uuid5(NAMESPACE_URL, f"{LANDED}/{ledger.name}/{number}")),
        "occurred": datetime.now(UTC).isoformat(),
        "event": LANDED,
        "resource": {
            "prefect.resource.id": f"jsl.landing.{ledger.name}",
            "prefect.resource.name": scans or ledger.name,
        },
        "payload": {"number": number, "scans": len(batch.scans)},
    }
    client.request("POST", "/events", json=[event])
