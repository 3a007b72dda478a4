"""Global sections: what counts where a service says nothing, at once and in every process."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from callbacks.api import access
from callbacks.models import Callback
from services import types
from services.configurations import CommonDefaultConfiguration
from services.models import ConfiguredService, Section
from services.resolution import Effective, Origin, effective, origins, problems, resolve, resolve_one
from services.types import CALLBACK
from tests.factories import CallbackFactory
from tests.services.doubles import COMPLETE, Service

LIMIT = "_throttle_ttl_1"
QUEUED = "_max_queued_callbacks_per_service"


def section(**options: str) -> dict[str, dict[str, str]]:
    return {"callback": options}


def test_a_section_counts_while_service_and_configuration_say_nothing() -> None:
    assert resolve_one(Service(), LIMIT) == 300
    assert resolve_one(Service(global_sections=section(_throttle_ttl_1="60")), LIMIT) == 60
    assert resolve_one(Service({LIMIT: "30"}, global_sections=section(_throttle_ttl_1="60")), LIMIT) == 30


def test_a_key_of_another_name_and_an_empty_text() -> None:
    of_section = section(max_queued_callbacks_per_service="7", _throttle_ttl_1="  ")
    assert resolve_one(Service(global_sections=of_section), QUEUED) == 7
    assert resolve_one(Service(global_sections=of_section), LIMIT) == 300


def test_an_option_that_inherits_nothing_is_not_moved_by_a_section() -> None:
    assert resolve_one(Service(global_sections=section(_ttl="60")), "_ttl") == 86400


def test_a_configuration_beats_a_section(monkeypatch: pytest.MonkeyPatch) -> None:
    strict = CommonDefaultConfiguration("Strict", {LIMIT: "45"})
    kind_of_service = dataclasses.replace(CALLBACK, name="strict", configurations=(strict,))
    monkeypatch.setitem(types._registry, "strict", kind_of_service)
    service = Service(type="strict", configuration="Strict", global_sections=section(_throttle_ttl_1="60"))
    assert origins(service)[LIMIT] == Effective("45", Origin.CONFIGURATION)
    assert resolve_one(service, LIMIT) == 45


def test_every_text_says_where_it_comes_from() -> None:
    service = Service({**COMPLETE, "_mine": "1", "_wrap_up_time": " "}, global_sections=section(_throttle_ttl_1="60"))
    found = origins(service)
    assert found["_target"] == Effective("Billing@StatServer.GA", Origin.SERVICE)
    assert found["_mine"] == Effective("1", Origin.SERVICE)
    assert found["_wait_for_agent"] == Effective("false", Origin.CONFIGURATION)
    assert found[LIMIT] == Effective("60", Origin.SECTION)
    assert found["_wrap_up_time"] == Effective("10", Origin.DEFAULT)
    assert {name: each.text for name, each in found.items()} == effective(service)


def test_a_bad_text_in_a_section_is_a_problem_of_the_service() -> None:
    assert problems(Service(COMPLETE, global_sections=section(_throttle_ttl_1="soon"))) == [
        "Option _throttle_ttl_1: 'soon' was given, allowed is a whole number, in seconds; a negative one means 300."
    ]


def test_what_is_kept_is_kept_by_content() -> None:
    values = resolve(Service(COMPLETE))
    assert resolve(Service(dict(COMPLETE))) is values
    assert resolve(Service(COMPLETE, global_sections=section(unknown="1"))) is values
    assert resolve(Service(COMPLETE, global_sections=section(_throttle_ttl_1="60")))[LIMIT] == 60
    assert resolve(Service(COMPLETE), overrides={"_wait_for_agent": "true"})["_wait_for_agent"] is True
    assert resolve(Service(COMPLETE))["_wait_for_agent"] is False


def test_nobody_can_change_what_others_read() -> None:
    values: Any = resolve(Service(COMPLETE))
    with pytest.raises(TypeError):
        values["_ttl"] = 1


def test_members_of_a_numbered_family_are_values_of_their_own() -> None:
    texts = {
        "_timezone": "UTC",
        "_bh_regular1": "Mon-Fri 09:00-18:00",
        "_bh_regular2": "Sat 10:00-12:00",
        "_bh_regularx": "1",
    }
    service = Service(texts, type="office-hours", configuration="Custom")
    values = resolve(service)
    assert {"_bh_regular1", "_bh_regular2"} <= values.keys()
    assert values["_bh_regular1"] != values["_bh_regular2"]
    assert "_bh_regularx" not in values
    bad = Service({"_timezone": "UTC", "_bh_regular7": "whenever"}, type="office-hours", configuration="Custom")
    assert problems(bad)[0].startswith("Option _bh_regular7: 'whenever' was given")


@pytest.mark.django_db
class TestInTheDatabase:
    @pytest.fixture
    def callback(self) -> Callback:
        return CallbackFactory.create(service__options=COMPLETE)

    def test_a_service_is_read_together_with_the_sections(self, callback: Callback) -> None:
        Section.objects.create(name="callback", options={LIMIT: "60"})
        Section.objects.create(name="unrelated", options={"much": "text"})
        name = callback.service_name
        ways: dict[str, Callable[[], ConfiguredService | None]] = {
            "by name": lambda: ConfiguredService.objects.get(name=name),
            "by foreign key": lambda: Callback.objects.get(pk=callback.pk).service,
            "all": lambda: ConfiguredService.objects.of_type("callback")[0],
            "API": lambda: access.service_of_name(name, None)[0],  # type: ignore[index]
        }
        for way, read in ways.items():
            with CaptureQueriesContext(connection) as queries:
                service = read()
                assert service is not None
                assert resolve(service)[LIMIT] == 60, way
            assert len(queries) == (2 if way == "by foreign key" else 1), way
            assert dict(service.global_sections) == {"callback": {LIMIT: "60"}}

    def test_a_change_counts_from_the_next_reading_on(self, callback: Callback) -> None:
        assert resolve(ConfiguredService.objects.get())[LIMIT] == 300
        stored = Section.objects.create(name="callback", options={LIMIT: "60"})
        service = ConfiguredService.objects.get()
        assert resolve(service)[LIMIT] == 60
        stored.options = {LIMIT: "61"}
        stored.save()
        assert resolve(ConfiguredService.objects.get())[LIMIT] == 61
        service.refresh_from_db()
        assert resolve(service)[LIMIT] == 61
        stored.delete()
        assert resolve(ConfiguredService.objects.get())[LIMIT] == 300

    def test_a_service_that_came_by_a_join_or_was_just_made_reads_them_itself(self, callback: Callback) -> None:
        Section.objects.create(name="callback", options={LIMIT: "60"})
        joined = Callback.objects.select_related("service").get().service
        assert joined is not None
        with CaptureQueriesContext(connection) as queries:
            assert resolve(joined)[LIMIT] == 60
            assert resolve(joined)[LIMIT] == 60
        assert len(queries) == 1
        made = ConfiguredService.objects.create(
            name="new", configuration="Custom", options={**COMPLETE, "_resource_group": "D"}
        )
        assert resolve(made)[LIMIT] == 60

    def test_counting_and_writing_go_on_as_ever(self, callback: Callback) -> None:
        assert ConfiguredService.objects.count() == 1
        assert ConfiguredService.objects.filter(name=callback.service_name).update(configuration="Custom") == 1
        service = ConfiguredService.objects.select_for_update(of=("self",)).get()
        service.options = {}
        service.save(update_fields=["options"])
        assert list(ConfiguredService.objects.values_list("name", "options")) == [(callback.service_name, {})]
