"""The schema of a form shows few fields, and checks also what it does not show, in whole or in part."""

from typing import Any

import pytest
from prefect import Flow
from prefect.utilities.schema_tools.validation import ValidationError, validate

from deployments.forms import FORMS, shape_form
from flows.pipeline import pipeline
from flows.train import train_models
from jsl_core.config import PipelineSettings, load_pipeline

FLOWS: dict[str, Flow[..., Any]] = {"pipeline/pipeline": pipeline, "train/train": train_models}


@pytest.fixture(params=FORMS)
def schema(request: pytest.FixtureRequest) -> dict[str, Any]:
    whole = FLOWS[request.param].parameters.model_dump_for_openapi()
    return shape_form(request.param, whole, PipelineSettings(name="lab", store="/lab/store", jobs=3))


def check(schema: dict[str, Any], **parameters: Any) -> None:
    """Check parameters as the server does, those left out as the deployment has them."""
    empty = {name: shown["default"] for name, shown in schema["properties"].items()}
    validate(empty | parameters, schema, raise_on_error=True)


def test_a_form_may_be_sent_as_it_opens_and_with_all_of_advanced(schema: dict[str, Any]) -> None:
    check(schema)
    (last,) = [name for name in schema["properties"] if name in ("advanced", "training")]
    kind = schema["definitions"]["PipelineSettings" if last == "advanced" else "TrainingSettings"]
    opened = {name: shown["default"] for name, shown in kind["properties"].items()}
    assert opened.get("jobs", 3) == 3  # as the lab has it
    check(schema, **{last: opened})


def test_settings_that_no_form_shows_may_be_given_in_part(schema: dict[str, Any]) -> None:
    check(schema, settings={"jobs": 1})
    check(schema, settings=load_pipeline(preset="demo").model_dump(mode="json"))


@pytest.mark.parametrize("settings", [{"jobs": -1}, {"jbs": 1}, {"training": {"kl": {"epochs": "many"}}}])
def test_settings_that_are_none_are_refused(schema: dict[str, Any], settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError, match="settings"):
        check(schema, settings=settings)


def test_help_says_what_an_empty_field_stands_for(schema: dict[str, Any]) -> None:
    assert schema["properties"]["store"]["description"].endswith("Empty: /lab/store.")
