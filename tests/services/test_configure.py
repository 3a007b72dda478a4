"""`manage.py configure` and `manage.py export_configuration`: an admin's file, from an empty database on."""

from __future__ import annotations

import io
import json
from collections.abc import Mapping
from itertools import pairwise
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from django.contrib.auth.models import User
from django.core.management import CommandError, call_command
from django.db import OperationalError, ProgrammingError, connection, transaction
from django.db.models import Model
from django.test.utils import CaptureQueriesContext
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from callbacks.flow.states import State
from callbacks.models import Callback
from services.configuration import applying, schema
from services.documents import KEPT, Part
from services.models import Change, ConfiguredService, NamedList, Section
from services.types import CALLBACK
from telephony.models import Agent, AgentGroup, Place, PlaceGroup, RoutePoint, Skill, Switch, VirtualQueue
from tests.factories import CallbackFactory

pytestmark = pytest.mark.django_db

FILE = """
services:
  voice:
    configuration: User Terminated Immediate
    options:
      _ttl: 604800
      _target: Billing@StatServer.GA
      _route_point: 8999@SIP_Switch
      _urs_virtual_queue: Billing_VQ
sections:
  callback: {_throttle_ttl_1: 60}
lists:
  GMS_Resources: {DNIS: {access1: 5115}}
route_points: ["8999@SIP_Switch"]
virtual_queues: [Billing_VQ]
skills: [English]
agents: [{name: kate, place: Desk1}, {name: omar, number: "030 4123", skills: {English: 20}}]
agent_groups: [{name: Billing, agents: [kate, omar]}]
places: [Desk1]
place_groups: [{name: Floor2, places: [Desk1]}]
"""
TABLES = (
    ConfiguredService,
    Section,
    NamedList,
    Switch,
    RoutePoint,
    VirtualQueue,
    Skill,
    Agent,
    AgentGroup,
    Place,
    PlaceGroup,
)


@pytest.fixture
def kinds_of_higher_floors() -> None:
    """The real ones, instead of this folder's doubles."""


class Terminal:
    """Runs the commands on a file, and reads what they print."""

    def __init__(self, folder: Path) -> None:
        self.file = folder / "configuration"

    def configure(self, content: str | Mapping[str, Any], *arguments: str) -> list[str]:
        """The lines of a configure that went well: warnings first."""
        out, err = io.StringIO(), io.StringIO()
        self.file.write_text(content if isinstance(content, str) else json.dumps(content))
        call_command("configure", str(self.file), *arguments, stdout=out, stderr=err)
        return (err.getvalue() + out.getvalue()).splitlines()

    def refused(self, content: str | Mapping[str, Any], *arguments: str) -> list[str]:
        """The errors of a configure that was refused; nothing was changed."""
        before, err = rows(), io.StringIO()
        self.file.write_text(content if isinstance(content, str) else json.dumps(content))
        with pytest.raises(CommandError) as caught:
            call_command("configure", str(self.file), *arguments, stderr=err, stdout=io.StringIO())
        lines = err.getvalue().splitlines()
        assert str(caught.value) == f"{len(lines)} error{'s' if len(lines) > 1 else ''}. Nothing was changed."
        assert caught.value.returncode == 1
        assert rows() == before
        return lines

    def export(self, *arguments: str) -> str:
        out = io.StringIO()
        call_command("export_configuration", *arguments, stdout=out)
        return out.getvalue()


def rows() -> list[list[Any]]:
    tables: tuple[type[Model], ...] = (*TABLES, Change)
    return [list(table._default_manager.order_by("pk").values()) for table in tables]


@pytest.fixture
def terminal(tmp_path: Path) -> Terminal:
    return Terminal(tmp_path)


def test_a_file_makes_a_working_service_of_an_empty_database(terminal: Terminal) -> None:
    assert terminal.configure(FILE, "--reason", "first set-up") == [
        "+ section callback",
        "+ list GMS_Resources",
        "+ switch SIP_Switch",
        "+ skill English",
        "+ route point 8999@SIP_Switch",
        "+ virtual queue Billing_VQ",
        "+ place Desk1",
        "+ place group Floor2",
        "+ agent kate",
        "+ agent omar",
        "+ agent group Billing",
        "+ service voice",
        "12 added, 0 changed, 0 removed",
    ]
    voice = ConfiguredService.objects.get()
    assert (voice.type, voice.configuration, voice.problems) == ("callback", "User Terminated Immediate", [])
    assert voice.options == {
        "_route_point": "8999@SIP_Switch",
        "_target": "Billing@StatServer.GA",
        "_ttl": "604800",
        "_urs_virtual_queue": "Billing_VQ",
    }
    assert Section.objects.get().options == {"_throttle_ttl_1": "60"}
    assert NamedList.objects.get().sections == {"DNIS": {"access1": "5115"}}
    assert Switch.objects.get().kind == Switch.Kind.SIMULATOR
    omar = Agent.objects.get(name="omar")
    assert (omar.sip_address, [(held.skill.name, held.level) for held in omar.skills.all()]) == (
        "sim:omar",
        [("English", 20)],
    )
    assert Place.objects.get().phone == "sim:Desk1"
    assert [agent.name for agent in AgentGroup.objects.get().agents.order_by("name")] == ["kate", "omar"]
    assert {(change.before, change.reason) for change in Change.objects.all()} == {(None, "first set-up")}
    assert Change.objects.count() == 12


def test_the_same_file_again_changes_nothing(terminal: Terminal) -> None:
    terminal.configure(FILE)
    before = rows()
    assert terminal.configure(FILE) == ["Nothing to change."]
    assert rows() == before


def test_what_differs_is_changed_and_printed_value_by_value(terminal: Terminal) -> None:
    terminal.configure(FILE)
    file = FILE.replace("604800", "86400").replace("_target:", "_wrap_up_time: 5\n      _target:")
    assert terminal.configure(file.replace("agents: [kate, omar]", "agents: [omar]")) == [
        "~ agent group Billing: agents kate, omar → omar",
        "~ service voice: _ttl 604800 → 86400",
        "~ service voice: _wrap_up_time (not set) → 5",
        "0 added, 2 changed, 0 removed",
    ]
    change = Change.objects.get(part="services", before__isnull=False)
    assert (change.name, change.actor.startswith("configure"), change.reason) == ("voice", True, "")
    assert change.before is not None
    assert change.after is not None
    assert (change.before["options"]["_ttl"], change.after["options"]["_ttl"]) == ("604800", "86400")


def test_a_dry_run_prints_the_differences_and_changes_nothing(terminal: Terminal) -> None:
    terminal.configure(FILE)
    before = rows()
    assert terminal.configure({"services": {"voice": {"options": {}}}}, "--dry-run") == [
        "Warning: services.voice: cannot work yet: _target, _urs_virtual_queue and _route_point are empty.",
        "~ service voice: _route_point 8999@SIP_Switch → (not set)",
        "~ service voice: _target Billing@StatServer.GA → (not set)",
        "~ service voice: _ttl 604800 → (not set)",
        "~ service voice: _urs_virtual_queue Billing_VQ → (not set)",
        "0 added, 1 changed, 0 removed",
        "Nothing was changed: this was a dry run.",
    ]
    assert rows() == before


def test_what_a_file_does_not_say_stays(terminal: Terminal) -> None:
    terminal.configure(FILE)
    RoutePoint.objects.update(endpoint="PJSIP/{number}@trunk")
    file = {
        "services": {"voice": None},
        "route_points": ["8999@SIP_Switch"],
        "agents": ["omar"],
        "agent_groups": ["Billing"],
    }
    assert terminal.configure(file) == ["Nothing to change."]
    assert terminal.configure({"services": {"voice": {"configuration": "Custom"}}})[-2:] == [
        "~ service voice: configuration User Terminated Immediate → Custom",
        "0 added, 1 changed, 0 removed",
    ]
    assert ConfiguredService.objects.get().options["_ttl"] == "604800"


def test_prune_removes_what_the_parts_in_the_file_do_not_name(terminal: Terminal) -> None:
    terminal.configure(FILE)
    assert terminal.configure({"agents": ["omar"], "lists": {}}, "--prune") == [
        "- list GMS_Resources",
        "- agent kate",
        "~ agent group Billing: agents kate, omar → omar",
        "0 added, 1 changed, 2 removed",
    ]
    assert terminal.configure({"services": {}, "route_points": [], "skills": ["English"]}, "--prune") == [
        "- route point 8999@SIP_Switch",
        "- service voice",
        "0 added, 0 changed, 2 removed",
    ]


def test_without_prune_nothing_is_removed(terminal: Terminal) -> None:
    terminal.configure(FILE)
    assert terminal.configure({"agents": [], "services": {}, "route_points": []}) == ["Nothing to change."]


def test_what_is_used_cannot_be_pruned(terminal: Terminal) -> None:
    terminal.configure(FILE)
    CallbackFactory.create(service=ConfiguredService.objects.get())
    file: dict[str, Any] = {"services": {}, "switches": [], "virtual_queues": [], "agent_groups": [], "skills": []}
    assert terminal.refused(file, "--prune") == [
        "services.voice: cannot be removed, it is used: callbacks that are not completed: 1.",
        "agent_groups.Billing: cannot be removed, it is used: service voice, option _target.",
        "virtual_queues.Billing_VQ: cannot be removed, it is used: service voice, option _urs_virtual_queue.",
        "skills.English: cannot be removed, it is used: agent omar.",
        "switches.SIP_Switch: cannot be removed, it is used: route point 8999@SIP_Switch.",
        "switches.SIP_Switch: cannot be removed, it is used: phone of agent kate.",
        "switches.SIP_Switch: cannot be removed, it is used: phone of agent omar.",
        "switches.SIP_Switch: cannot be removed, it is used: phone of place Desk1.",
    ]


@pytest.mark.parametrize(
    "part", ["virtual_queues", "agents", "agent_groups", "places", "place_groups", "skills", "route_points"]
)
def test_many_things_are_removed_with_one_reading_of_all_services(terminal: Terminal, part: str) -> None:
    """Otherwise pruning takes minutes where there are a thousand of both."""
    names = [f"{number}@S" for number in range(9)]
    terminal.configure({"switches": ["S"], part: names, "services": {f"s{number}": {} for number in range(9)}})

    def readings(*left: str) -> int:
        with CaptureQueriesContext(connection) as queries:
            assert terminal.configure({part: list(left)}, "--prune")
        return sum('FROM "services_configuredservice"' in query["sql"] for query in queries)

    assert readings(*names[1:]) == readings()


def test_what_lists_and_expressions_name_cannot_be_pruned(terminal: Terminal) -> None:
    terminal.configure(FILE)
    target = "[{'target':'Floor2@.GP','timeout':9},{'target':'?:English>1','timeout':9},{'target':'Desk1@.AP'}]"
    terminal.configure(
        {"services": {"voice": {"options": {"_target": target}}}, "agents": [{"name": "omar", "skills": {}}]}
    )
    file: dict[str, Any] = {"places": [], "place_groups": [], "skills": [], "agents": []}
    assert terminal.refused(file, "--prune") == [
        "place_groups.Floor2: cannot be removed, it is used: service voice, option _target.",
        "places.Desk1: cannot be removed, it is used: service voice, option _target.",
        "skills.English: cannot be removed, it is used: service voice, option _target.",
    ]


def test_a_place_that_goes_leaves_its_groups_and_who_sat_there(terminal: Terminal) -> None:
    terminal.configure(FILE)
    assert terminal.configure({"places": ["Desk2"]}, "--prune")[-1] == "1 added, 2 changed, 1 removed"
    tree = yaml.safe_load(terminal.export())
    assert tree["place_groups"] == [{"name": "Floor2", "places": []}]
    assert [agent["place"] for agent in tree["agents"]] == ["", ""]


def test_agents_at_work_may_change_places_but_not_share_one(terminal: Terminal) -> None:
    terminal.configure(FILE)
    terminal.configure({"places": ["Desk1", "Desk2"], "agents": [{"name": "omar", "place": "Desk2"}, "mia"]})
    Agent.objects.update(state=Agent.State.READY)
    places = {"agents": [{"name": "omar", "place": "Desk1"}, {"name": "kate", "place": "Desk2"}]}
    assert terminal.configure(places)[-1] == "0 added, 2 changed, 0 removed"
    assert terminal.refused({"agents": [{"name": "mia", "place": "Desk1"}]}) == [
        "agents.mia.place: 'Desk1' was given, allowed is a place at which nobody else works now."
    ]
    assert terminal.refused({"agents": [{"name": "mia", "place": "Desk9", "number": "desk"}]}) == [
        "agents.mia.number: 'desk' was given, allowed is a telephone number of 1 to 31 digits.",
        "agents.mia.place: 'Desk9' was given, allowed is the name of a place: Desk1, Desk2.",
    ]
    assert dict(Agent.objects.values_list("name", "place__name")) == {"kate": "Desk2", "omar": "Desk1", "mia": None}
    Agent.objects.update(state=Agent.State.LOGGED_OUT)
    assert terminal.configure({"agents": [{"name": "mia", "place": "Desk1"}]})[-1] == "0 added, 1 changed, 0 removed"


def test_a_pruned_service_leaves_its_completed_callbacks(terminal: Terminal) -> None:
    terminal.configure(FILE)
    CallbackFactory.create(service=ConfiguredService.objects.get(), state=State.COMPLETED)
    assert terminal.configure({"services": {}}, "--prune") == ["- service voice", "0 added, 0 changed, 1 removed"]
    callback = Callback.objects.get()
    assert (callback.state, callback.service, callback.service_name) == (State.COMPLETED, None, "voice")


def test_all_errors_are_listed_at_once_and_nothing_is_changed(terminal: Terminal) -> None:
    terminal.configure(FILE)
    file = """
servics: {}
services:
  a b: {}
  callback: {}
  chat: {type: chat}
  voice: {type: office-hours}
  other: {configuration: Mine, colour: red, options: [1]}
  third:
    configuration: User Terminated Immediate
    options: {_ttl: a week, _route_point: "1@SIP_Switch", _wait_for_agent: [true], _wait_for_user_confirm: true}
  fourth: 5
sections:
  callback: {_throttle_ttl_1: soon}
lists:
  GMS_Paused_Services: {services: {voice: perhaps}}
  other: text
switches: [{name: PBX, kind: asterisk, ari_url: nowhere}, {name: Old, kind: rotary}]
route_points:
  - 9000@Nowhere
  - {name: "9001", endpoint: PJSIP/trunk, switch: SIP_Switch}
  - 8999@SIP_Switch
  - 8999@SIP_Switch
  - "@"
agents:
  - {name: mia, switch: PBX}
  - {name: zoe, user: nobody, switch: SIP_Switch, skills: {French: 1, English: high}}
  - []
  - {name: ''}
agent_groups: [{name: Sales, agents: [kate, joe], colour: red}, {name: VIP, agents: kate}]
virtual_queues: {Billing_VQ: {}}
"""
    assert terminal.refused(file) == [
        "The file: 'servics' was given, allowed is one of agent_groups, agents, lists, place_groups, places, "
        "route_points, sections, services, skills, switches, virtual_queues.",
        "lists.other: 'text' was given, allowed is a mapping from section to keys and texts.",
        "switches.PBX.ari_url: 'nowhere' was given, allowed is an address such as http://127.0.0.1:8088.",
        "switches.PBX.ari_user: nothing was given, allowed is a text, which an Asterisk switch needs.",
        "switches.Old.kind: 'rotary' was given, allowed is simulator or asterisk.",
        "route_points[0].switch: 'Nowhere' was given, allowed is the name of a switch: Old, PBX, SIP_Switch.",
        "route_points[3]: 8999@SIP_Switch was given twice, allowed is once.",
        "route_points[4]: '@' was given, allowed is NAME@SWITCH, with a name of 1 to 64 characters without @ and "
        "comma.",
        "route_points.9001@SIP_Switch.endpoint: 'PJSIP/trunk' was given, allowed is a text with {number}, such as "
        "PJSIP/{number}@trunk.",
        "virtual_queues: '{\"Billing_VQ\":{}}' was given, allowed is a list, each element a virtual queue.",
        "agents[2]: '[]' was given, allowed is a name of 1 to 64 characters in one line.",
        "agents[3].name: nothing was given, allowed is a name of 1 to 64 characters in one line.",
        "agents.mia.phone: nothing was given, allowed is the phone in the switch's syntax, such as PJSIP/kate.",
        "agents.zoe.user: 'nobody' was given, allowed is the name of a login, which is made in admin or by "
        "createsuperuser.",
        "agents.zoe.skills.English: 'high' was given, allowed is a whole number from 0 to 1000.",
        "agents.zoe.skills: 'French' was given, allowed is the name of a skill: English.",
        "agent_groups.Sales: 'colour' was given, allowed is one of agents, name.",
        "agent_groups.Sales.agents: 'joe' was given, allowed is the name of an agent: kate, mia, omar, zoe.",
        "agent_groups.VIP.agents: 'kate' was given, allowed is a list of the names of agents.",
        "services: 'a b' was given, allowed is a name of 1 to 64 of the characters A-Z a-z 0-9 . _ - that is not a "
        "part of other URLs (., .., availability, callback, check-queue-position, ixn, storage).",
        "services: 'callback' was given, allowed is a name of 1 to 64 of the characters A-Z a-z 0-9 . _ - that is not "
        "a part of other URLs (., .., availability, callback, check-queue-position, ixn, storage).",
        "services.chat.type: 'chat' was given, allowed is one of callback, office-hours, capacity, "
        "request-interaction, request-access, match-interaction, get, hello.",
        "services.voice.type: 'office-hours' was given, allowed is callback, because the type of a service cannot be "
        "changed.",
        "services.other: 'colour' was given, allowed is one of configuration, options, type.",
        f"services.other.configuration: 'Mine' was given, allowed is one of {_configurations()}.",
        "services.other.options: '[1]' was given, allowed is a mapping from names to texts.",
        "services.third.options._wait_for_agent: '[true]' was given, allowed is a text, a number, true or false.",
        "services.fourth: '5' was given, allowed is a mapping with type, configuration and options.",
        "sections.callback._throttle_ttl_1: 'soon' was given, allowed is a whole number, in seconds; a "
        "negative one means 300.",
        "lists.GMS_Paused_Services.services.voice: 'perhaps' was given, allowed is true or false.",
        "services.third.options._ttl: 'a week' was given, allowed is a whole number from 1 to 316224000, in seconds.",
        "services.third.options._wait_for_user_confirm: 'true' was given, allowed is false as long as "
        "_wait_for_agent is false.",
        "services.third.options._route_point: '1@SIP_Switch' was given, allowed is one or several configured route "
        "points, NAME@SWITCH, with commas between.",
    ]


@pytest.mark.parametrize(
    "form",
    [
        "{{services: {{voice: {{options: {{_ttl: {}}}}}}}}}",
        '{{"services": {{"voice": {{"options": {{"_ttl": {}}}}}}}}}',
    ],
)
def test_a_number_that_is_too_long_is_named_with_its_option(terminal: Terminal, form: str) -> None:
    assert terminal.refused(form.format("9" * 5_000)) == [
        f"services.voice.options._ttl: '{'9' * 79}…' was given, allowed is a whole number from 1 to 316224000, in "
        "seconds."
    ]


@pytest.mark.parametrize("target", ["Billing", "Billing@StatServer.GQ"])
def test_a_bad_target_is_quoted_once(terminal: Terminal, target: str) -> None:
    [error] = terminal.refused({"services": {"voice": {"options": {"_target": target}}}})
    said = f"services.voice.options._target: '{target}' was given, allowed is NAME@STATSERVER.TYPE with a type of A "
    assert error.startswith(said)
    assert error.count(f"'{target}'") == 1


def _configurations() -> str:
    return ", ".join(each.name for each in CALLBACK.configurations)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "services:\n  voice: {}\n  voice: {options: {_ttl: 1, _ttl: 2}}\n",
            [
                "services.voice: was given twice, allowed is once.",
                "services.voice.options._ttl: was given twice, allowed is once.",
            ],
        ),
        ('{"services": {"voice": {}, "voice": {}}}', ["services.voice: was given twice, allowed is once."]),
        ("services: [", ["line 2, column 1: this is neither YAML nor JSON: did not find expected node content."]),
        (
            "[" * 100_000,
            ["line 1, column 101: this is nested deeper than 100."],
        ),
        (
            "a: &a [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]\n"
            + "".join(f"{b}: &{b} [{', '.join(10 * [f'*{a}'])}]\n" for a, b in pairwise("abcdefgh")),
            ["The file: more than 1000000 values were given, repeated ones counted each time."],
        ),
        ("- services", ["The file: a list was given, allowed is a mapping such as {services: {…}}."]),
    ],
)
def test_a_file_that_cannot_be_read(terminal: Terminal, text: str, expected: list[str]) -> None:
    assert terminal.refused(text) == expected


def test_a_file_that_is_not_there() -> None:
    with pytest.raises(CommandError, match=r"^/nowhere/file cannot be read: .*No such file"):
        call_command("configure", "/nowhere/file")


def test_a_reason_that_is_too_long(terminal: Terminal) -> None:
    with pytest.raises(CommandError, match=r"^The reason has 501 characters, allowed are 500\.$"):
        terminal.configure(FILE, "--reason", "x" * 501)
    assert not Change.objects.exists()


@pytest.mark.django_db(transaction=True)
def test_two_at_once_do_not_mix(terminal: Terminal) -> None:
    other = connection.copy()
    try:
        with other.cursor() as cursor:
            cursor.execute("SELECT pg_advisory_lock(%s)", [applying.LOCK])
        assert terminal.refused(FILE) == [
            "The configuration is being written by somebody else at this moment; try again."
        ]
    finally:
        other.close()
    assert not Switch.objects.exists()
    assert terminal.configure(FILE)[-1] == "12 added, 0 changed, 0 removed"


@pytest.mark.parametrize(
    ("error", "text"),
    [
        (OperationalError("it is away"), "it is away"),
        (ProgrammingError("no relation"), "The database has not the tables of this release: run migrate."),
    ],
)
def test_a_database_that_cannot_be_used_is_one_sentence(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, error: Exception, text: str
) -> None:
    def fails(self: object) -> None:
        raise error

    terminal.configure(FILE)
    monkeypatch.setattr(Part, "rows", fails)
    with pytest.raises(CommandError, match=text):
        terminal.configure(FILE)
    with pytest.raises(CommandError, match=text):
        terminal.export()
    assert terminal.export("--schema") == schema.as_text()


def test_standard_input(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"virtual_queues": ["Billing_VQ"]}'))
    out = io.StringIO()
    call_command("configure", "-", stdout=out)
    assert out.getvalue() == "+ virtual queue Billing_VQ\n1 added, 0 changed, 0 removed\n"


def test_values_are_taken_as_the_text_that_was_written(terminal: Terminal) -> None:
    terminal.configure(
        """
sections:
  mine:
    a: 604800
    b: true
    c: 09:30
    d: 0049
    e: +4420
    f: 2026-11-22
    g: 0.70
    h: 1e3
    i: yes
    j:
    k: ''
    l: {x: [1, true, 2.5, null], ü: "ß"}
    m: ' two words '
"""
    )
    assert Section.objects.get().options == {
        "a": "604800",
        "b": "true",
        "c": "09:30",
        "d": "0049",
        "e": "+4420",
        "f": "2026-11-22",
        "g": "0.70",
        "h": "1e3",
        "i": "yes",
        "l": '{"x":[1,true,2.5,null],"ü":"ß"}',
        "m": " two words ",
    }


def test_a_structured_option_may_be_written_as_structure(terminal: Terminal) -> None:
    treatment = {"file": "bye.wav", "hints": {"am-beep-detection": "on"}}
    options = {"_treatment_call_failure_answering_machine": treatment, "_ttl": 60}
    terminal.configure({"services": {"voice": {"options": options}}})
    assert ConfiguredService.objects.get().options == {
        "_treatment_call_failure_answering_machine": '{"file":"bye.wav","hints":{"am-beep-detection":"on"}}',
        "_ttl": "60",
    }


def test_a_new_service_is_a_custom_callback_and_unknown_options_are_kept(terminal: Terminal) -> None:
    lines = terminal.configure({"services": {"voice": {"options": {"_mine": 5, "_ttl": ""}}}})
    assert "Warning: services.voice.options._mine: is not known to type callback; it is kept." in lines
    voice = ConfiguredService.objects.get()
    assert (voice.type, voice.configuration, voice.options) == ("callback", "Custom", {"_mine": "5"})


def test_references_are_looked_up_in_what_the_file_makes(terminal: Terminal) -> None:
    terminal.configure(FILE)
    file = FILE.replace("8999", "9000")
    assert terminal.configure(file, "--prune") == [
        "- route point 8999@SIP_Switch",
        "+ route point 9000@SIP_Switch",
        "~ service voice: _route_point 8999@SIP_Switch → 9000@SIP_Switch",
        "1 added, 1 changed, 1 removed",
    ]


def test_office_hours_that_a_service_names_stay(terminal: Terminal) -> None:
    hours = {"closed-on-sundays": {"type": "office-hours"}}
    options = {"_business_hours_service": "closed-on-sundays"}
    terminal.configure({"services": {"voice": {"options": options}, **hours}})
    assert terminal.refused({"services": {"voice": {}}}, "--prune") == [
        "services.closed-on-sundays: cannot be removed, it is used: service voice, option _business_hours_service.",
    ]
    assert terminal.configure({"services": {}}, "--prune")[-1] == "0 added, 0 changed, 2 removed"


def test_the_password_of_a_switch_comes_from_a_file_and_is_never_exported(terminal: Terminal, tmp_path: Path) -> None:
    secret = tmp_path / "password"
    secret.write_text("s3cret\n")
    pbx = {"name": "PBX", "kind": "asterisk", "ari_url": "http://127.0.0.1:8088", "ari_user": "callbacks"}
    assert terminal.configure({"switches": [pbx]}) == [
        "Warning: switches.PBX: has no password yet: give ari_password_file, or set it in admin.",
        "+ switch PBX",
        "1 added, 0 changed, 0 removed",
    ]
    with_password = {"switches": [{**pbx, "ari_password_file": str(secret)}]}
    assert terminal.configure(with_password) == [
        "~ switch PBX: ari_password (secret)",
        "0 added, 1 changed, 0 removed",
    ]
    assert terminal.configure(with_password) == ["Nothing to change."]
    assert Switch.objects.get().ari_password == "s3cret"
    assert Change.objects.latest("pk").secrets == ["ari_password"]
    assert "s3cret" not in terminal.export() + repr(list(Change.objects.values()))
    assert terminal.configure(terminal.export()) == ["Nothing to change."]
    assert Switch.objects.get().ari_password == "s3cret"
    assert terminal.refused({"switches": [{**pbx, "ari_password_file": "/nowhere"}]}) == [
        "switches.PBX.ari_password_file: '/nowhere' was given, allowed is a file that can be read "
        "([Errno 2] No such file or directory: '/nowhere')."
    ]


SECRETS: dict[str, Any] = {
    "services": {"voice": {"options": {"_password": "s3cret"}}},
    "sections": {"server": {"password": "s3cret"}},
    "lists": {"GMS_Events": {"properties": {"password": "s3cret"}}},
}


def stored_secrets() -> list[dict[str, Any]]:
    return [
        ConfiguredService.objects.get().options,
        Section.objects.get().options,
        NamedList.objects.get().sections["properties"],
    ]


def test_an_export_says_that_secrets_are_kept_and_they_are(terminal: Terminal) -> None:
    terminal.configure(SECRETS)
    before = stored_secrets()
    exported = terminal.export()
    assert "s3cret" not in exported + repr(list(Change.objects.values()))
    assert exported.count(f"password: {KEPT}") == 3
    assert terminal.configure(exported)[-1] == "Nothing to change."
    assert stored_secrets() == before


def test_what_a_file_leaves_out_goes_secrets_too(terminal: Terminal) -> None:
    terminal.configure(SECRETS)
    file = {
        "services": {"voice": {"options": {"_ttl": 60}}},
        "sections": {"server": {"node_id": "a"}},
        "lists": {"GMS_Events": {"properties": {"x": "y"}}},
    }
    lines = terminal.configure(file)
    assert [line for line in lines if "secret" in line] == [
        "~ section server: password (secret)",
        "~ list GMS_Events: properties.password (secret)",
        "~ service voice: _password (secret)",
    ]
    assert stored_secrets() == [{"_ttl": "60"}, {"node_id": "a"}, {"x": "y"}]


def test_a_service_whose_options_are_not_given_keeps_its_secrets(terminal: Terminal) -> None:
    terminal.configure(SECRETS)
    terminal.configure({"services": {"voice": {"configuration": "User Terminated Delayed"}}})
    assert ConfiguredService.objects.get().options == {"_password": "s3cret"}


def test_a_secret_that_cannot_be_kept_is_told(terminal: Terminal) -> None:
    assert terminal.configure({"sections": {"server": {"password": KEPT}}})[0] == (
        "Warning: sections.server.password: is to be kept, but none is stored here."
    )
    assert Section.objects.get().options == {}


@pytest.mark.parametrize("bad", [{"a": "s3cret"}, ["s3cret"], "s3cret\0", "s3\tcret", 100 * "s3cret"])
def test_no_error_quotes_a_secret(terminal: Terminal, bad: object) -> None:
    for file in (
        {"services": {"voice": {"options": {"password": bad}}}},
        {"services": {"voice": {"options": {"_password": bad, "_ttl": 0}}}},
        {"sections": {"server": {"password": bad}, "callback": {"_throttle_ttl_1": "soon"}}},
    ):
        for error in terminal.refused(file):
            assert "s3" not in error


def test_agents_have_one_login_each_and_may_exchange_them(terminal: Terminal) -> None:
    for name in ("kate", "omar"):
        User.objects.create_user(name)
    first = {"switches": ["S"], "agents": [{"name": "a", "user": "kate"}, {"name": "b", "user": "omar"}]}
    terminal.configure(first)
    exchanged = {"agents": [{"name": "a", "user": "omar"}, {"name": "b", "user": "kate"}]}
    assert terminal.configure(exchanged) == [
        "~ agent a: user kate → omar",
        "~ agent b: user omar → kate",
        "0 added, 2 changed, 0 removed",
    ]
    assert terminal.refused({"agents": [{"name": "a", "user": "kate"}]}) == [
        "agents.a.user: 'kate' was given, allowed is a login that no other agent has."
    ]


def test_a_switch_is_made_up_only_where_there_is_none(terminal: Terminal) -> None:
    assert terminal.refused({"agents": ["kate"]}) == [
        "agents.kate.switch: nothing was given, allowed is the name of a switch: there is none yet."
    ]
    assert terminal.configure({"agents": [{"name": "kate", "switch": "S"}]})[0] == "+ switch S"
    assert terminal.refused({"agents": [{"name": "omar", "switch": "T"}]}) == [
        "agents.omar.switch: 'T' was given, allowed is the name of a switch: S."
    ]


def test_the_export_is_the_whole_configuration_in_a_fixed_order(terminal: Terminal) -> None:
    terminal.configure(FILE)
    exported = terminal.export()
    assert exported.startswith("# Made by manage.py export_configuration; manage.py configure reads it. Secrets, ")
    tree = yaml.safe_load(exported)
    assert tree == json.loads(terminal.export("--format", "json"))
    assert list(tree) == [
        "sections",
        "lists",
        "switches",
        "skills",
        "route_points",
        "virtual_queues",
        "places",
        "place_groups",
        "agents",
        "agent_groups",
        "services",
    ]
    assert tree["place_groups"] == [{"name": "Floor2", "places": ["Desk1"]}]
    assert tree["agents"] == [
        {
            "name": "kate",
            "switch": "SIP_Switch",
            "phone": "sim:kate",
            "number": "",
            "place": "Desk1",
            "user": "",
            "skills": {},
        },
        {
            "name": "omar",
            "switch": "SIP_Switch",
            "phone": "sim:omar",
            "number": "0304123",
            "place": "",
            "user": "",
            "skills": {"English": 20},
        },
    ]
    assert tree["route_points"] == [{"name": "8999", "switch": "SIP_Switch", "endpoint": "{number}"}]
    assert (tree["skills"], tree["virtual_queues"]) == (["English"], ["Billing_VQ"])
    assert terminal.configure(exported, "--prune") == ["Nothing to change."]


def test_a_queue_says_from_which_wait_on_there_is_an_alarm(terminal: Terminal) -> None:
    terminal.configure({"virtual_queues": [{"name": "Billing_VQ", "ewt_limit": 900}, {"name": "Sales_VQ"}]})
    limits = VirtualQueue.objects.order_by("name").values_list("name", "ewt_limit")
    assert list(limits) == [("Billing_VQ", 900), ("Sales_VQ", None)]
    exported = terminal.export()
    assert yaml.safe_load(exported)["virtual_queues"] == [{"name": "Billing_VQ", "ewt_limit": 900}, "Sales_VQ"]
    assert terminal.configure(exported, "--prune") == ["Nothing to change."]
    # What is not said stays; what is said to be nothing goes.
    assert terminal.configure({"virtual_queues": ["Billing_VQ"]}) == ["Nothing to change."]
    assert terminal.refused({"virtual_queues": [{"name": "Billing_VQ", "ewt_limit": "0"}]}) == [
        "virtual_queues.Billing_VQ.ewt_limit: '0' was given, allowed is whole seconds from 1 to 86400, or nothing for "
        "no alarm."
    ]
    terminal.configure({"virtual_queues": [{"name": "Billing_VQ", "ewt_limit": None}]})
    assert list(limits.all()) == [("Billing_VQ", None), ("Sales_VQ", None)]


# Names and texts as bad as a database can hold them: those that YAML reads as something else among them.
texts = st.one_of(
    st.sampled_from(
        ["true", "No", "~", "null", "09:30", "1e3", "0x1F", "- a", "a: b", "# c", "'", '"', "=", "<<", "+1"]
    ),
    st.text(st.characters(blacklist_categories=["Cs"], blacklist_characters="\x00"), max_size=12),
)
names = st.text(st.characters(blacklist_categories=["Cs", "Cc"]), min_size=1, max_size=12).filter(str.strip)
mappings = st.dictionaries(names, texts, max_size=4)
configurations = st.fixed_dictionaries(
    {
        "services": st.dictionaries(
            st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True).filter(
                lambda name: name.lower() not in {"availability", "callback", "ixn", "storage"}
            ),
            st.fixed_dictionaries(
                {
                    "configuration": st.sampled_from([each.name for each in CALLBACK.configurations]),
                    "options": st.builds(
                        lambda known, unknown: {**unknown, **known},
                        st.fixed_dictionaries({}, optional={"_ttl": st.integers(1, 99), "_cpd_enable": st.booleans()}),
                        st.dictionaries(names.map("_x{}".format), texts, max_size=3),
                    ),
                }
            ),
            max_size=3,
        ),
        "sections": st.dictionaries(names, mappings, max_size=3),
        "lists": st.dictionaries(names, st.dictionaries(names, mappings, max_size=2), max_size=2),
        "switches": st.just(["S"]),
        "skills": st.lists(names, max_size=3, unique=True),
        "virtual_queues": st.lists(names, max_size=3, unique=True),
        "agents": st.lists(names, max_size=3, unique=True),
        "places": st.lists(names, max_size=3, unique=True),
        "place_groups": st.lists(names, max_size=3, unique=True),
    }
)


@given(configuration=configurations, form=st.sampled_from(["yaml", "json"]))
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_whatever_is_configured_its_export_changes_nothing(
    terminal: Terminal, configuration: dict[str, Any], form: str
) -> None:
    with transaction.atomic():
        terminal.configure(configuration)
        exported = terminal.export("--format", form)
        assert terminal.configure(exported, "--prune")[-1] == "Nothing to change."
        for table in reversed(TABLES):
            table._default_manager.all().delete()
        terminal.configure(exported)
        assert terminal.export("--format", form) == exported
        transaction.set_rollback(True)


def test_the_published_schema_is_the_generated_one() -> None:
    published = Path(__file__).parents[2] / "docs" / "configuration.schema.json"
    assert published.read_text() == schema.as_text(), "make schema writes docs/configuration.schema.json anew"


def test_files_and_exports_fit_the_schema(terminal: Terminal) -> None:
    validator = jsonschema.Draft202012Validator(schema.schema())
    validator.check_schema(schema.schema())
    validator.validate(yaml.safe_load(FILE))
    terminal.configure(FILE)
    validator.validate(yaml.safe_load(terminal.export()))


@pytest.mark.parametrize(
    ("file", "place"),
    [
        ({"servics": {}}, []),
        ({"services": {"voice": {"colour": 1}}}, ["services", "voice"]),
        ({"services": {"voice": {"configuration": "Mine"}}}, ["services", "voice", "configuration"]),
        ({"services": {"voice": {"options": {"_ttl": "a week"}}}}, ["services", "voice", "options", "_ttl"]),
        ({"services": {"voice": {"options": {"_ttl": 0}}}}, ["services", "voice", "options", "_ttl"]),
        ({"services": {"voice": {"options": {"_cpd_enable": "on"}}}}, ["services", "voice", "options", "_cpd_enable"]),
        ({"switches": [{"name": "S", "kind": "rotary"}]}, ["switches", 0]),
    ],
)
def test_the_schema_finds_what_is_wrong(file: dict[str, Any], place: list[object]) -> None:
    errors = list(jsonschema.Draft202012Validator(schema.schema()).iter_errors(file))
    assert [list(error.absolute_path) for error in errors] == [place]


@pytest.mark.parametrize(
    "options",
    [
        {"_ttl": 60, "_cpd_enable": True, "_mine": {"a": [1]}, "_call_direction": "userterminated"},
        {"_ttl": "$days$", "_cpd_enable": "TRUE", "_target": "", "_wrap_up_time": None},
        {"_treatment_customer_connect": {"file": "a.wav"}, "_cpd_enable": "$detect$"},
    ],
)
def test_the_schema_allows_what_configure_allows(options: dict[str, Any]) -> None:
    jsonschema.Draft202012Validator(schema.schema()).validate({"services": {"voice": {"options": options}}})
