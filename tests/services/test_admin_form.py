"""The form of a service: live checks, warnings, families, secrets, unknown options; copies, comparisons, uses."""

from __future__ import annotations

import re
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse
from pytest_django import DjangoAssertNumQueries

from services.admin.comparing import Side
from services.catalogue import Option, OptionWarning
from services.kinds import Kind, text
from services.models import ApiKey, Change, ConfiguredService, Section
from services.option_form import ServiceOptionsForm
from services.types import service_type
from tests.services.doubles import COMPLETE

pytestmark = pytest.mark.django_db

LIST = "/admin/services/configuredservice/"
HOURS = "Mon-Fri 09:00-17:00"
OPEN = {"_timezone": "Europe/Berlin", "_bh_regular1": HOURS}


def page_of(service: ConfiguredService, act: str = "change") -> str:
    return reverse(f"admin:services_configuredservice_{act}", args=[service.pk])


def make_service(name: str = "voice", **options: str) -> ConfiguredService:
    return ConfiguredService.objects.create(
        name=name, configuration="User Terminated Immediate", options={**COMPLETE, **options}
    )


def make_office(**options: str) -> ConfiguredService:
    return ConfiguredService.objects.create(
        name="office",
        type="office-hours",
        configuration="Custom",
        options={"_timezone": "Europe/Berlin", "_bh_regular1": HOURS, **options},
    )


def shown(client: Client, service: ConfiguredService) -> dict[str, str]:
    """What a browser would send back if nothing were changed."""
    form = client.get(page_of(service)).context["adminform"].form
    return {name: form[name].value() for name in form.fields}


def text_of(client: Client, path: str) -> str:
    page = client.get(path, follow=True).content.decode()
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", page)))


def test_a_check_says_what_saving_would_and_saves_nothing(admin_client: Client) -> None:
    service = make_service()
    sent = {**shown(admin_client, service), "option_ttl": "a week", "option_request_execution_time_buffer": "180"}
    found = admin_client.post(page_of(service, "check"), sent).json()
    assert found["option_ttl"]["errors"] == [
        "Option _ttl: 'a week' was given, allowed is a whole number from 1 to 316224000, in seconds."
    ]
    assert found["option_desired_connect_time_threshold"]["errors"] == [
        "Option _desired_connect_time_threshold: '180' was given, allowed is more than "
        "_request_execution_time_buffer, which is 180 seconds."
    ]
    service.refresh_from_db()
    assert service.options == COMPLETE
    assert not Change.objects.exists()
    assert admin_client.get(page_of(service, "check")).status_code == 405


def test_only_who_may_change_a_service_checks_it(client: Client) -> None:
    service = make_service()
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_configuredservice"))
    assert client.post(page_of(service, "check"), {}).status_code == 302
    client.force_login(viewer)
    for act in ("check", "copy"):
        assert client.post(page_of(service, act), {"name": "b"}).status_code == 403
    viewer.user_permissions.add(Permission.objects.get(codename="change_configuredservice"))
    strict = Client(enforce_csrf_checks=True)
    strict.force_login(viewer)
    assert strict.post(page_of(service, "check"), {}).status_code == 403


def test_warnings_are_shown_and_refuse_nothing(admin_client: Client, monkeypatch: pytest.MonkeyPatch) -> None:
    def short(values: object, texts: dict[str, str]) -> list[OptionWarning]:
        return [OptionWarning("_ttl", "_ttl is short.")] if texts["_ttl"] == "60" else []

    kind = service_type("callback")
    monkeypatch.setitem(kind.__dict__, "rules", (*kind.rules, short))
    service = make_service()
    sent = {**shown(admin_client, service), "option_ttl": "60"}
    found = admin_client.post(page_of(service, "check"), sent).json()
    assert found["option_ttl"] == {"errors": [], "warnings": ["_ttl is short."]}
    page = admin_client.post(page_of(service), sent, follow=True)
    assert "voice: _ttl is short." in [str(message) for message in page.context["messages"]]
    assert "Warning: _ttl is short." in text_of(admin_client, LIST)
    assert "_ttl is short." in text_of(admin_client, page_of(service))


def test_a_family_has_its_members_and_one_empty_row(admin_client: Client) -> None:
    office = make_office(_bh_regular7="Sat 10:00-14:00")
    fields = [name for name in shown(admin_client, office) if name.startswith("option_bh_regular")]
    assert fields == ["option_bh_regular1", "option_bh_regular7", "option_bh_regular8"]
    sent = {
        **shown(admin_client, office),
        "option_bh_regular1": "",
        "option_bh_regular8": HOURS,
        "option_bh_regular12": HOURS,
    }
    assert admin_client.post(page_of(office), sent).status_code == 302
    office.refresh_from_db()
    assert office.options == {
        "_timezone": "Europe/Berlin",
        "_bh_regular7": "Sat 10:00-14:00",
        "_bh_regular8": HOURS,
        "_bh_regular12": HOURS,
    }
    sent["option_bh_regular12"] = "whenever"
    assert (
        "_bh_regular12" in admin_client.post(page_of(office, "check"), sent).json()["option_bh_regular12"]["errors"][0]
    )


def test_a_value_that_a_section_gives_is_shown_as_such_and_not_stored(admin_client: Client) -> None:
    inheriting = next(o for o in service_type("callback").options if o.name == "_throttle_ttl_1")
    assert inheriting.inherits == ("callback", "_throttle_ttl_1")
    Section.objects.create(name="callback", options={"_throttle_ttl_1": "600"})
    service = make_service()
    sent = shown(admin_client, service)
    assert sent["option_throttle_ttl_1"] == "600"
    assert "Comes from section [callback]." in text_of(admin_client, page_of(service))
    admin_client.post(page_of(service), {**sent, "option_ttl": "60"})
    service.refresh_from_db()
    assert service.options == {**COMPLETE, "_ttl": "60"}


def test_what_a_service_says_itself_stays_said_although_a_section_says_the_same(admin_client: Client) -> None:
    service = make_service(_throttle_ttl_1="600")
    Section.objects.create(name="callback", options={"_throttle_ttl_1": "600"})
    admin_client.post(page_of(service), {**shown(admin_client, service), "option_ttl": "60"})
    service.refresh_from_db()
    assert service.options["_throttle_ttl_1"] == "600"


def test_unknown_options_are_lines_to_edit(admin_client: Client) -> None:
    service = make_service(_odd="1", _longer="two\nlines", vendor_password="tiger")
    sent = shown(admin_client, service)
    assert sent["unknown"] == '_longer = "two\\nlines"\n_odd = 1'
    assert "tiger" not in admin_client.get(page_of(service)).content.decode()
    admin_client.post(page_of(service), {**sent, "unknown": '_longer = "three\\nlines"\n_new = 2'})
    service.refresh_from_db()
    assert service.options == {**COMPLETE, "_longer": "three\nlines", "_new": "2", "vendor_password": "tiger"}


@pytest.mark.parametrize(
    ("given", "error"),
    [
        ("nonsense", "'nonsense' was given, allowed is name = value."),
        ("_ttl = 5", "_ttl is an option of this type of service: set it in its own field."),
        ("_a = 1\n_a = 2", "_a is given twice."),
        ('_a = "open', "'_a = \"open' was given, allowed is name = text or name = JSON string."),
    ],
)
def test_lines_that_are_none(admin_client: Client, given: str, error: str) -> None:
    service = make_service()
    sent = {**shown(admin_client, service), "unknown": given}
    assert admin_client.post(page_of(service, "check"), sent).json()["unknown"]["errors"] == [error]
    assert admin_client.post(page_of(service), sent).status_code == 200
    service.refresh_from_db()
    assert service.options == COMPLETE


def test_a_page_that_is_too_old_does_not_undo_what_others_did(admin_client: Client) -> None:
    service = make_service()
    old = shown(admin_client, service)
    admin_client.post(page_of(service), {**old, "option_ttl": "60"})
    page = admin_client.post(page_of(service), {**old, "option_max_dial_attempts": "5"})
    assert "Somebody else changed this service since you opened the page." in page.content.decode()
    service.refresh_from_db()
    assert service.options == {**COMPLETE, "_ttl": "60"}


def test_a_secret_goes_in_and_never_comes_out(monkeypatch: pytest.MonkeyPatch) -> None:
    kind = service_type("capacity")
    secret = Option(name="_pin", kind=text(), section="Capacity", secret=True, help="A secret.")
    monkeypatch.setitem(kind.__dict__, "options", (*kind.options, secret))
    monkeypatch.setitem(kind.__dict__, "by_name", {**kind.by_name, "_pin": secret})
    service = ConfiguredService(name="seats", type="capacity", configuration="Custom", options={"_pin": "4711"})
    page = "".join(row.control for part in ServiceOptionsForm(instance=service).parts for row in part.rows)
    assert "4711" not in page
    assert 'type="password" name="option_pin"' in page
    for sent, stored in (("", "4711"), ("0815", "0815")):
        form = ServiceOptionsForm({"option_pin": sent}, instance=service)
        assert form.is_valid()
        form.save(commit=False)
        assert service.options["_pin"] == stored


def test_several_choices_are_boxes(monkeypatch: pytest.MonkeyPatch) -> None:
    days = Kind(
        name="days",
        parse=str,
        allowed="days",
        choices=lambda: [("Mon", "Monday"), ("Tue", "Tuesday")],
        widget="several",
        empty="",
    )
    kind = service_type("capacity")
    option = Option(name="_days", kind=days, section="Capacity", help="Which days.")
    monkeypatch.setitem(kind.__dict__, "options", (*kind.options, option))
    monkeypatch.setitem(kind.__dict__, "by_name", {**kind.by_name, "_days": option})
    service = ConfiguredService(name="seats", type="capacity", configuration="Custom", options={"_days": "Tue, Sun"})
    boxes = str(ServiceOptionsForm(instance=service)["option_days"])
    assert re.findall(r'value="(\w+)"[^>]*?(checked)?>', boxes) == [("Mon", ""), ("Tue", "checked"), ("Sun", "checked")]
    form = ServiceOptionsForm({"option_days": ["Mon", "Tue"]}, instance=service)
    assert form.is_valid()
    assert form.cleaned_data["option_days"] == "Mon,Tue"


def test_a_copy_has_the_same_options_and_says_where_it_is_from(admin_client: Client) -> None:
    service = make_service(_ttl="60", _odd="1")
    taken = admin_client.post(page_of(service, "copy"), {"name": "voice"})
    assert taken.context["errors"] == {"name": ["Configured service with this Name already exists."]}
    page = admin_client.post(page_of(service, "copy"), {"name": "sales"})
    copy = ConfiguredService.objects.get(name="sales")
    assert page["Location"] == page_of(copy)
    assert (copy.type, copy.configuration, copy.options) == (service.type, service.configuration, service.options)
    change = Change.objects.get()
    assert (change.name, change.verb, change.actor, change.reason) == ("sales", "added", "admin", "Copied from voice.")


def test_two_services_side_by_side(admin_client: Client) -> None:
    make_service(_ttl="604800", _throttle_ttl_1="7")
    make_service("sales", _max_dial_attempts="5")
    Section.objects.create(name="callback", options={"_throttle_ttl_1": "600"})
    page = admin_client.get(f"{LIST}compare/?a=voice&b=sales")
    lines = {each.name: (each.left, each.right) for each in page.context["lines"]}
    assert lines == {
        "_ttl": (Side("604800", "the service itself"), Side("86400", "the configuration User Terminated Immediate")),
        "_throttle_ttl_1": (Side("7", "the service itself"), Side("600", "section [callback]")),
        "_max_dial_attempts": (Side("3", "the built-in default"), Side("5", "the service itself")),
    }
    everything = admin_client.get(f"{LIST}compare/?a=voice&b=sales&all=1").context["lines"]
    assert len(everything) == len(service_type("callback").options)
    assert "There is no service “nobody”." in text_of(admin_client, f"{LIST}compare/?a=voice&b=nobody")


def test_the_action_compares_two(admin_client: Client) -> None:
    chosen = [make_service().pk, make_service("sales").pk, make_service("third").pk]
    action = {"action": "compare", "_selected_action": chosen[:2]}
    assert admin_client.post(LIST, action)["Location"] == f"{LIST}compare/?a=sales&b=voice"
    page = admin_client.post(LIST, {**action, "_selected_action": chosen}, follow=True)
    assert [str(message) for message in page.context["messages"]] == [
        "Choose two services to compare; chosen: more than two."
    ]


def test_a_page_says_what_uses_the_service_and_keeps_it(admin_client: Client) -> None:
    office = make_office()
    assert "No service and no API key names it." in text_of(admin_client, page_of(office))
    make_service(_business_hours_service="office")
    key, _ = ApiKey.objects.create_key(name="web site", scopes=["start"])
    key.services.add(office)
    page = text_of(admin_client, page_of(office))
    assert "service voice, option _business_hours_service" in page
    assert f"API key {key}, which is limited to it" in page
    refused = text_of(admin_client, page_of(office, "delete"))
    assert "office: service voice, option _business_hours_service" in refused
    admin_client.post(page_of(office, "delete"), {"post": "yes"})
    assert ConfiguredService.objects.filter(name="office").exists()


def test_the_list_is_filtered_by_what_keeps_services_from_working(admin_client: Client) -> None:
    make_service()
    ConfiguredService.objects.create(name="new", configuration="User Terminated Immediate")
    make_office()

    def names(query: str) -> list[str]:
        return [service.name for service in admin_client.get(f"{LIST}?{query}").context["cl"].result_list]

    assert names("state=broken") == ["new"]
    assert names("state=ready") == ["office", "voice"]
    assert names("type=office-hours") == ["office"]
    assert names("configuration=Custom") == ["office"]


def test_the_form_asks_the_database_a_fixed_number_of_times(
    admin_client: Client, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    service = make_service()
    for n in range(5):
        make_service(f"voice{n}", _business_hours_service="office")
    # Session, user; the service twice; the names for each drop-down of services; who uses it; its API keys.
    with django_assert_max_num_queries(9):
        admin_client.get(page_of(service))
