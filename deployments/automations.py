"""The server's automations: they reschedule runs whose machine died; one is an example to copy."""

from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import UUID

from flows.orchestration.events import LANDED, MOST_RUNS, TAG

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.events.schemas.automations import AutomationCore

__all__ = ["EXAMPLE", "HEARTBEAT_SECONDS", "apply_automations"]

HEARTBEAT_SECONDS = 30  # the shortest that Prefect sends
EXAMPLE = "JSL: example, when scans have landed"

_SILENCE = timedelta(seconds=3 * HEARTBEAT_SECONDS + 10)
_NEVER_STARTED = timedelta(minutes=5)  # a process that imports PyTorch on a busy machine takes a minute
_ENDS = {f"prefect.flow-run.{state}" for state in ("Completed", "Failed", "Cancelled", "Crashed")}


def apply_automations(client: "SyncPrefectClient", retrain: UUID) -> None:
    """Create the automations, or reset them to what they are here; whether the example is enabled stays.

    Args:
        client: Client of the server.
        retrain: The deployment that the example runs.
    """
    for automation in _automations(retrain):
        existing = client.read_automations_by_name(automation.name)
        if not existing:
            client.create_automation(automation)
            continue
        is_enabled = existing[0].enabled if automation.name == EXAMPLE else True
        client.update_automation(existing[0].id, automation.model_copy(update={"enabled": is_enabled}))


def _automations(retrain: UUID) -> list["AutomationCore"]:
    from prefect.client.schemas.objects import StateType
    from prefect.events import AutomationCore, EventTrigger, Posture
    from prefect.events.actions import ChangeFlowRunState, RunDeployment

    own_runs = {"prefect.resource.id": f"prefect.tag.{TAG}", "prefect.resource.role": "tag"}
    reschedule = ChangeFlowRunState(
        state=StateType.SCHEDULED, name="AwaitingRetry", message="its process died; it goes on from there"
    )
    return [
        AutomationCore(
            name="JSL: a run that is silent has died",
            description="Its worker and its process have died without a word to the server.",
            trigger=EventTrigger(
                after={"prefect.flow-run.Running", "prefect.flow-run.heartbeat"},
                expect={"prefect.flow-run.heartbeat", "prefect.flow-run.AwaitingRetry", *_ENDS},
                match={"prefect.resource.id": "prefect.flow-run.*"},
                match_related=own_runs,
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=_SILENCE,
            ),
            actions=[
                ChangeFlowRunState(state=StateType.CRASHED, message="no heartbeat; its machine has gone")
            ],
        ),
        AutomationCore(
            name="JSL: a run that never started is given away again",
            description="Its worker took it and died before it could start it.",
            trigger=EventTrigger(
                after={"prefect.flow-run.Pending"},
                expect={"prefect.flow-run.Running", "prefect.flow-run.AwaitingRetry", *_ENDS},
                match={"prefect.resource.id": "prefect.flow-run.*"},
                match_related=own_runs,
                for_each={"prefect.resource.id"},
                posture=Posture.Proactive,
                threshold=1,
                within=_NEVER_STARTED,
            ),
            actions=[reschedule],
        ),
        AutomationCore(
            name="JSL: a run that died goes on",
            description=f"What is done is cached, a training has checkpoints; {MOST_RUNS} runs in all.",
            trigger=EventTrigger(
                expect={"prefect.flow-run.Crashed"},
                match={
                    "prefect.resource.id": "prefect.flow-run.*",
                    "prefect.run-count": [str(count) for count in range(MOST_RUNS)],
                },
                match_related=own_runs,
                posture=Posture.Reactive,
                threshold=1,
                within=timedelta(0),
            ),
            actions=[reschedule],
        ),
        AutomationCore(
            name=EXAMPLE,
            description="Off. Copy it for what you want to happen; this one retrains at once.",
            enabled=False,
            trigger=EventTrigger(
                expect={LANDED},
                match={"prefect.resource.id": "jsl.landing.*"},
                posture=Posture.Reactive,
                threshold=1,
                within=timedelta(0),
            ),
            actions=[RunDeployment(deployment_id=retrain)],
        ),
    ]
