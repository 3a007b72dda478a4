"""Every operation of the schema, with whatever its parameters may be: no fault of ours, and only what is documented."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from django.conf import settings as django_settings
from django.core.signals import request_finished, request_started
from django.core.wsgi import get_wsgi_application
from django.db import close_old_connections
from django.utils import timezone
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from callbacks import actions
from callbacks.models import Callback
from services.models import ADMIN, QUERY, START, ApiKey
from tests.api.conftest import make_capacity, make_office, make_service

CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    response_headers_conformance,
]
CONTRACT: Any = schemathesis.openapi.from_path(Path(django_settings.BASE_DIR) / "docs" / "openapi.yaml")
CONTRACT.app = get_wsgi_application()
OPERATIONS = [found.ok() for found in CONTRACT.get_all_operations()]


@pytest.fixture
def key(telephony: None) -> Iterator[str]:
    """Of who may do all, in a contact centre that has one of everything; requests are in the test's transaction."""
    service = make_service("voice-userterm-immediate")
    make_office()
    make_capacity()
    numbers = {"_customer_number": "+16504661100"}
    actions.start(service=service, parameters=numbers, desired_at=None, actor="test", now=timezone.now())
    for signal in (request_started, request_finished):
        signal.disconnect(close_old_connections)
    yield ApiKey.objects.create_key(name="everything", scopes=[START, QUERY, ADMIN])[1]
    for signal in (request_started, request_finished):
        signal.connect(close_old_connections)


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda each: each.label)
def test_every_answer_is_documented(operation: Any, key: str) -> None:
    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        case.call_and_validate(headers={"x-api-key": key}, checks=CHECKS)
        # Made up names meet nothing that is there: the same once more, about what is.
        known = {"name": "voice-userterm-immediate", "callback_id": Callback.objects.earliest("created_at").pk}
        for made_up, values in ((case.path_parameters, known), (case.query, {"number": "+16504661100"})):
            made_up.update({name: value for name, value in values.items() if name in made_up})
        case.call_and_validate(headers={"x-api-key": key}, checks=CHECKS)

    ask()
