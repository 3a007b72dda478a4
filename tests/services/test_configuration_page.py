"""docs/configuration.md: its example takes an empty database to a working service, by file alone."""

from __future__ import annotations

import io
import json
import re
from pathlib import Path

import jsonschema
import pytest
import yaml
from django.core.management import call_command
from django.test import Client

from callbacks.models import Callback
from services import documents
from services.models import START, ApiKey, ConfiguredService

PAGE = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()


@pytest.fixture
def kinds_of_higher_floors() -> None:
    """The real ones, instead of this folder's doubles."""


def example() -> str:
    (block,) = re.findall(r"```yaml\n(.*?)```", PAGE, re.DOTALL)
    return str(block)


@pytest.mark.django_db
def test_the_example_makes_a_service_that_accepts_callbacks(tmp_path: Path) -> None:
    file = tmp_path / "callbacks.yaml"
    file.write_text(example())
    out, err = io.StringIO(), io.StringIO()
    call_command("configure", str(file), stdout=out, stderr=err)
    assert (err.getvalue(), out.getvalue().splitlines()[-1]) == ("", "12 added, 0 changed, 0 removed")
    service = ConfiguredService.objects.get()
    assert service.problems == []
    _, key = ApiKey.objects.create_key(name="page", scopes=[START])
    answer = Client().post(service.url_path, {"_customer_number": "5115"}, headers={"x-api-key": key})
    assert answer.status_code == 200, answer.content
    callback = Callback.objects.get(pk=json.loads(answer.content)["_id"])
    assert (callback.service_name, callback.state, callback.options["route_point"]) == (
        "voice",
        "QUEUED",
        "8999@SIP_Switch",
    )


def test_the_example_fits_the_published_schema() -> None:
    schema = json.loads((Path(__file__).parents[2] / "docs" / "configuration.schema.json").read_text())
    jsonschema.Draft202012Validator(schema).validate(yaml.safe_load(example()))


def test_the_page_names_every_part() -> None:
    rows = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert rows == {part.name for part in documents.parts()}
    assert set(yaml.safe_load(example())) == rows
