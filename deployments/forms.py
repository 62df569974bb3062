"""The forms of `pipeline` and `train`: few fields, in the order in which they are filled in.

Prefect makes a form of a flow's parameters. Here some are left out of it (a caller may give them all the
same), the others are put in order, and none is called optional that may simply stay as it is.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from jsl_core.config import Lab, PipelineSettings

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

__all__ = ["FORMS", "apply_forms", "shape_form"]

# By deployment its fields in their order; the last one is closed until somebody opens it.
FORMS = {
    "pipeline/pipeline": ("preset", "name", "scans", "cohort", "store", "outcome", "advanced"),
    "train/train": ("preset", "dataset", "store", "outcome", "training"),
}
_ADVANCED = ("advanced", "training")
_AS_SENT = (
    "Sent"  # begins the names of what checks parameters that no form shows, and that may be given in part
)

# Title and help of each field, for readers who have seen nothing else.
_WORDS = {
    "preset": (
        "Preset",
        "A recipe for everything that is not asked here; it wins over how this server was set up. demo: "
        "minutes on a processor, to see how it works. best: thousands of knees and a GPU. kl: to grade knees "
        "from thousands of ready crops. seed: as an older set of notebooks did it. none: as this server was "
        "set up.",
    ),
    "name": (
        "Name",
        "What you call this run: the folder of its results bears it. Letters, digits and . _ -.",
    ),
    "scans": (
        "Scans",
        "The folder with the radiographs (DICOM), as the server's machine names it, or s3://bucket/prefix.",
    ),
    "cohort": (
        "Table",
        "CSV, .xlsx or .parquet with a row for each knee: ID (participant_side, such as 1000001_1; 1 is "
        "right, 2 left), what is to be learned (BL_KL_grade, JSL_Prog), and risk factors such as Age, Sex "
        "and BMI where they are known.",
    ),
    "store": (
        "Store",
        "The folder, or s3://bucket/prefix, that keeps the results; in one store nothing is done twice.",
    ),
    "outcome": (
        "Outcome",
        "What the models learn to tell. progression: whether the joint space will narrow (column JSL_Prog). "
        "KL grade: how severe the osteoarthritis is now (column BL_KL_grade).",
    ),
    "dataset": (
        "Dataset",
        "latest: what was packed last in the store. Or a run's, by the name of its folder, such as "
        "20260131T080000Z-run; or the name of a folder below datasets/.",
    ),
    "advanced": ("Advanced", "Every other setting. None: as preset and server have them."),
    "training": ("Advanced", "How the models are trained. None: as preset and server have it."),
}
_ASKED_ABOVE = ("name", "scans", "cohort", "store", "sources")  # fields of their own, and a record


def apply_forms(client: "SyncPrefectClient", lab: Lab) -> None:
    """Give the deployments on a server their forms.

    Args:
        client: Client of the server.
        lab: What runs start from where the form does not say otherwise.
    """
    from prefect.client.schemas.actions import DeploymentUpdate

    for name in FORMS:
        deployment = client.read_deployment_by_name(name)
        schema = shape_form(name, dict(deployment.parameter_openapi_schema or {}), lab.settings)
        empty = {field: schema["properties"][field]["default"] for field in FORMS[name]}
        update = DeploymentUpdate(
            parameter_openapi_schema=schema, parameters={**empty, **(deployment.parameters or {})}
        )
        client.update_deployment(deployment.id, update)


def shape_form(name: str, schema: Mapping[str, Any], settings: PipelineSettings) -> dict[str, Any]:
    """The schema of a form, from that of all parameters of its flow.

    Args:
        name: The deployment, as `flow/deployment`.
        schema: As Prefect derives it.
        settings: What runs start from.
    """
    fields, shaped = FORMS[name], deepcopy(dict(schema))
    properties = {field: dict(shaped["properties"][field]) for field in fields}
    for position, (field, field_schema) in enumerate(properties.items()):
        field_schema["position"] = position
        field_schema["title"], field_schema["description"] = _WORDS[field]
        if text := next(
            (part for part in field_schema.get("anyOf", ()) if part.get("type") == "string"), None
        ):
            field_schema.pop("anyOf")  # of a name or an artifact a form asks for the name
            field_schema["type"] = text["type"]
        value = getattr(settings, field, "")
        if field not in _ADVANCED and value:
            field_schema["description"] += f" Empty: {value}."
    shaped["properties"] = properties
    shaped["required"] = list(fields)
    shaped["patternProperties"] = {"^settings$": {"$ref": f"#/definitions/{_AS_SENT}PipelineSettings"}}
    as_sent = json.dumps(shaped["definitions"]).replace("#/definitions/", f"#/definitions/{_AS_SENT}")
    left_out = {f"{_AS_SENT}{kind}": definition for kind, definition in json.loads(as_sent).items()}
    _start_from(shaped["definitions"], settings)
    for kind in ("PipelineSettings", "TrainingSettings"):
        shaped["definitions"][kind]["title"] = "All"
    for definition in shaped["definitions"].values():
        definition["required"] = list(definition["properties"])
    shaped["definitions"] |= left_out
    return shaped


def _start_from(definitions: dict[str, Any], settings: PipelineSettings) -> None:
    """Let *advanced* open with the values of the settings, without what is asked above it."""
    values = settings.model_dump(mode="json")
    own = definitions["PipelineSettings"]["properties"]
    for name in _ASKED_ABOVE:
        own.pop(name)
    for name, field_schema in own.items():
        field_schema["default"] = values[name]
    for name, field_schema in definitions["TrainingSettings"]["properties"].items():
        field_schema["default"] = values["training"][name]
