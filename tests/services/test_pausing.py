"""Pausing: whom a flag in a list reaches, what it costs to ask, and who the change log says it was."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext

from services import pausing
from services.models import Change, ConfiguredService, NamedList
from services.pausing import is_paused, is_paused_now, paused_services

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
LIST = "GMS_Paused_Services"


def service(name: str = "billing", **options: str) -> ConfiguredService:
    made = ConfiguredService(name=name, configuration="User Terminated Delayed", options=options)
    made.sections_read = None
    return made


def flags(**texts: str) -> dict[str, dict[str, dict[str, str]]]:
    return {LIST: {"services": texts}}


class TestWhomAFlagReaches:
    @pytest.mark.parametrize("text", ["true", "True", "TRUE", " true "])
    def test_a_service_is_paused_by_its_name(self, text: str) -> None:
        assert is_paused(service(), flags(billing=text))
        assert not is_paused(service("sales"), flags(billing=text))

    @pytest.mark.parametrize("text", ["false", "FALSE", "", "yes", "1", "truely"])
    def test_only_true_pauses(self, text: str) -> None:
        assert not is_paused(service(), flags(billing=text, all=text))

    def test_all_reaches_everybody(self) -> None:
        assert is_paused(service(), flags(all="true"))
        assert is_paused(service("sales", _paused_services_id="team-7"), flags(all="true", sales="false"))

    def test_the_id_reaches_all_that_share_it_and_the_name_still_counts(self) -> None:
        billing, sales = (service(name, _paused_services_id="team-7") for name in ("billing", "sales"))
        both = flags(**{"team-7": "true"})
        assert is_paused(billing, both)
        assert is_paused(sales, both)
        assert not is_paused(service("orders"), both)
        assert is_paused(billing, flags(billing="true", **{"team-7": "false"}))

    def test_names_are_exact(self) -> None:
        assert not is_paused(service(), flags(Billing="true", ALL="true"))

    def test_only_the_section_services_of_its_own_list_counts(self) -> None:
        assert not is_paused(service(), {LIST: {"other": {"billing": "true"}}})
        own = service(_paused_services_list="Night_Shift")
        assert not is_paused(own, flags(billing="true", all="true"))
        assert is_paused(own, {"Night_Shift": {"services": {"all": "true"}}})
        assert not is_paused(own, {})

    def test_a_service_that_is_not_well_is_reached_as_well(self) -> None:
        gone = service()
        gone.configuration = "Of Yesterday"
        too_long = service(_paused_services_list="x" * 65)
        for each in (gone, too_long):
            assert is_paused(each, flags(billing="true"))
            assert is_paused(each, flags(all="true"))
            assert not is_paused(each, flags(sales="true"))

    def test_what_is_neither_true_nor_false_is_said_once(self, caplog: pytest.LogCaptureFixture) -> None:
        pausing._warn.cache_clear()
        with caplog.at_level(logging.WARNING):
            for _ in range(3):
                assert not is_paused(service(), flags(billing="maybe"))
        assert [record.getMessage() for record in caplog.records] == [
            "list GMS_Paused_Services, section services, key billing: neither true nor false, so nobody is paused"
        ]


@pytest.mark.django_db
class TestInTheDatabase:
    @pytest.fixture
    def billing(self) -> ConfiguredService:
        return ConfiguredService.objects.create(name="billing", configuration="User Terminated Delayed")

    @pytest.fixture
    def sales(self) -> ConfiguredService:
        return ConfiguredService.objects.create(
            name="sales", configuration="User Terminated Delayed", options={"_paused_services_list": "Night_Shift"}
        )

    @pytest.fixture
    def hours(self) -> ConfiguredService:
        return ConfiguredService.objects.create(name="hours", type="office-hours", configuration="Custom")

    def paused(self, name: str = LIST, **texts: str) -> NamedList:
        listed, _ = NamedList.objects.update_or_create(name=name, defaults={"sections": {"services": texts}})
        return listed

    def test_nothing_is_paused_and_that_costs_one_statement(self, billing: Any, sales: Any, hours: Any) -> None:
        for texts in (None, {}, {"billing": "false", "all": "False"}):
            if texts is not None:
                self.paused(**texts)
            with CaptureQueriesContext(connection) as queries:
                assert paused_services() == set()
            assert len(queries) == 1

    def test_the_paused_ones_cost_two(self, billing: Any, sales: Any, hours: Any) -> None:
        self.paused(billing="true")
        NamedList.objects.create(name="GMS_Events", sections={"properties": {"a": "b"}})
        with CaptureQueriesContext(connection) as queries:
            assert paused_services() == {billing.pk}
        assert len(queries) == 2
        self.paused("Night_Shift", all="true")
        assert paused_services() == {billing.pk, sales.pk}
        self.paused(all="true")
        NamedList.objects.get(name="Night_Shift").delete()
        assert paused_services() == {billing.pk}

    def test_an_id_reaches_all_that_share_it(self, billing: ConfiguredService, sales: ConfiguredService) -> None:
        for each in (billing, sales):
            each.options = {"_paused_services_id": "team-7"}
            each.save()
        self.paused(**{"team-7": "true"})
        assert paused_services() == {billing.pk, sales.pk}

    def test_at_the_moment_of_ringing_it_costs_one_and_sees_what_was_just_changed(self, billing: Any) -> None:
        assert not is_paused_now(billing)
        listed = self.paused(all="true")
        with CaptureQueriesContext(connection) as queries:
            assert is_paused_now(billing)
        assert len(queries) == 1
        listed.sections = {"services": {"all": "false"}}
        listed.save()
        assert not is_paused_now(billing)

    def test_a_service_is_paused_and_resumed_and_the_log_says_who(self, billing: ConfiguredService) -> None:
        NamedList.objects.create(name=LIST, sections={"other": {"kept": "as it is"}})
        pausing.pause("billing", actor="sue", reason="fire drill", now=NOW)
        assert is_paused_now(billing)
        pausing.pause("billing", actor="sam", now=NOW)
        assert pausing.resume("billing", actor="sam", now=NOW) == set()
        assert not is_paused_now(billing)
        other = {"kept": "as it is"}
        assert list(
            Change.objects.order_by("pk").values_list("part", "name", "actor", "reason", "before", "after")
        ) == [
            ("lists", LIST, "sue", "fire drill", {"other": other}, {"other": other, "services": {"billing": "true"}}),
            (
                "lists",
                LIST,
                "sam",
                "",
                {"other": other, "services": {"billing": "true"}},
                {"other": other, "services": {"billing": "false"}},
            ),
        ]

    def test_resuming_takes_back_the_id_too(self, billing: ConfiguredService) -> None:
        billing.options = {"_paused_services_id": "team-7"}
        billing.save()
        self.paused(**{"team-7": "true", "sales": "true"})
        assert pausing.resume("billing", actor="sue", now=NOW) == set()
        assert NamedList.objects.get().sections == {"services": {"team-7": "false", "sales": "true"}}

    def test_all_reaches_services_with_lists_of_their_own(
        self, billing: ConfiguredService, sales: ConfiguredService
    ) -> None:
        pausing.pause("all", actor="sue", now=NOW)
        assert paused_services() == {billing.pk, sales.pk}
        pausing.pause("billing", actor="sue", now=NOW)
        assert pausing.resume("all", actor="sue", now=NOW) == {"billing"}
        assert paused_services() == {billing.pk}

    def test_one_stays_paused_while_all_are(self, billing: ConfiguredService) -> None:
        pausing.pause("all", actor="sue", now=NOW)
        assert pausing.resume("billing", actor="sue", now=NOW) == {"billing"}

    def test_an_unknown_service_changes_nothing(self, hours: ConfiguredService) -> None:
        for name in ("biling", "hours"):
            with pytest.raises(ConfiguredService.DoesNotExist):
                pausing.pause(name, actor="sue", now=NOW)
            with pytest.raises(ConfiguredService.DoesNotExist):
                pausing.resume(name, actor="sue", now=NOW)
        assert not NamedList.objects.exists()
        assert not Change.objects.exists()

    def test_the_commands(self, billing: ConfiguredService, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("pause", "billing", reason="fire drill")
        assert is_paused_now(billing)
        assert Change.objects.get().actor.startswith("pause")
        call_command("resume", "billing")
        assert not is_paused_now(billing)
        assert capsys.readouterr().out == "Paused: billing.\nResumed: billing.\n"
        call_command("pause", "all", stdout=StringIO())
        with pytest.raises(CommandError, match="billing is still paused: all is"):
            call_command("resume", "billing")
        call_command("pause", "billing", stdout=StringIO())
        call_command("resume", "all")
        assert capsys.readouterr().out == "Resumed: all.\nStill paused by themselves: billing.\n"
        with pytest.raises(CommandError, match="There is no callback service 'biling'"):
            call_command("pause", "biling")
