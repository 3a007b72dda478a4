"""The preview beside the editors of office hours and capacity: what it shows, who may ask, that it stores nothing."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from html import unescape

import pytest
from django.contrib.auth.models import Permission, User
from django.test import Client
from django.urls import reverse

from scheduling import preview
from services.models import Change, ConfiguredService
from services.previews import NoPreview

pytestmark = pytest.mark.django_db

HOURS = "Mon-Fri 09:00-17:00"
OFFICE = {"_timezone": "Europe/Berlin", "_bh_regular1": HOURS}
# A Monday; on the Sunday before the next one clocks go back in Berlin.
MONDAY = datetime(2026, 10, 19, 10, 0, tzinfo=UTC)


def make(type_name: str, name: str = "office", **options: str) -> ConfiguredService:
    return ConfiguredService.objects.create(name=name, type=type_name, configuration="Custom", options=options)


def page_of(service: ConfiguredService, act: str = "preview") -> str:
    return reverse(f"admin:services_configuredservice_{act}", args=[service.pk])


def in_words(html: str) -> str:
    return re.sub(r"\s+", " ", unescape(re.sub(r"<[^>]+>", " ", html))).strip()


def lines(html: str) -> dict[str, str]:
    """The words of each day, by its date."""
    days = re.findall(r'<li[^>]*>\s*<span class="preview-date">(.*?)</span>(.*?)</li>', html, re.DOTALL)
    return {date: in_words(rest) for date, rest in days}


def asked(client: Client, service: ConfiguredService, **changed: str) -> str:
    """The preview's words when these options of the form were changed."""
    form = client.get(page_of(service, "change")).context["adminform"].form
    sent = {name: form[name].value() for name in form.fields} | {f"option{k}": text for k, text in changed.items()}
    answer = client.post(page_of(service), sent)
    assert answer.status_code == 200
    return in_words(answer.content.decode())


def test_two_weeks_of_hours_with_clocks_and_holidays_by_name() -> None:
    office = ConfiguredService(
        name="office",
        type="office-hours",
        configuration="Custom",
        options={
            "_timezone": "Europe/Berlin",
            "_bh_regular1": "Mon-Sun 01:30-03:30",
            "_bh_add1": "2026-10-20 19:00-01:00",
            "_holiday1": "2026-10-22",
            "_holidays_country": "DE-BB",
        },
    )
    html = preview.preview_office_hours(office, MONDAY)
    days = lines(html)
    assert len(days) == 14
    assert days["Mon 19 Oct 2026"] == "01:30-03:30"
    assert days["Tue 20 Oct 2026"] == "01:30-03:30, 19:00-24:00"
    assert days["Wed 21 Oct 2026"] == "00:00-01:00, 01:30-03:30"
    assert days["Thu 22 Oct 2026"] == "closed Holiday"
    assert days["Sun 25 Oct 2026"] == "01:30-03:30 Clocks go back from 03:00 to 02:00: that time comes twice."
    assert days["Sat 31 Oct 2026"] == "closed Reformation Day"
    words = in_words(html)
    assert "Closed now, opens Tuesday 20 October 2026 at 01:30. All times are those of Europe/Berlin." in words
    assert "Thu 22 Oct 2026: Holiday Sat 31 Oct 2026: Reformation Day Fri 25 Dec 2026: Christmas Day" in words
    # Nine o'clock on the page is nine o'clock in the bar, which counts minutes.
    assert '<rect class="open" x="90" y="0" width="120" height="100"/>' in html


def test_two_weeks_of_places_without_the_hour_that_is_skipped() -> None:
    spring = datetime(2027, 3, 26, 12, 0, tzinfo=UTC)
    places = ConfiguredService(
        name="places",
        type="capacity",
        configuration="Custom",
        options={
            "_timezone": "Europe/Berlin",
            "_capacity_5": '{"5": {"0900": 10, "1000": 10, "1300": 5}}',
            "_capacity_7": '{"7": {"0100": 4, "0200": 3}}',
            "_capacity_add": '{"2027-03-27": {"0900": 1}}',
        },
    )
    html = preview.preview_capacity(places, spring)
    days = lines(html)
    assert len(days) == 14
    assert days["Fri 26 Mar 2027"] == "09:00-11:00: 10, 13:00-14:00: 5"
    assert days["Sat 27 Mar 2027"] == "09:00-10:00: 1"
    assert days["Sun 28 Mar 2027"] == "01:00-02:00: 4 Clocks go forward from 02:00 to 03:00."
    assert days["Sun 4 Apr 2027"] == "01:00-02:00: 4, 02:00-03:00: 3"
    assert days["Mon 29 Mar 2027"] == "no places"
    assert "A slot that begins now takes 5 callbacks." in in_words(html)


def test_the_preview_is_made_from_what_is_typed_and_stores_nothing(admin_client: Client) -> None:
    office = make("office-hours", **OFFICE)
    assert "09:00-17:00" in asked(admin_client, office)
    words = asked(admin_client, office, _bh_regular1="Mon-Sun 10:00-11:00")
    assert "10:00-11:00" in words
    assert "17:00" not in words
    office.refresh_from_db()
    assert office.options == OFFICE
    assert not Change.objects.exists()


def test_what_cannot_be_read_is_named_and_left_out(admin_client: Client) -> None:
    office = make("office-hours", **OFFICE)
    words = asked(
        admin_client, office, _bh_regular2="Mon-Fri 9-17", _bh_regular3="$hours$", _bh_add1="02-30 10:00-12:00"
    )
    assert words.startswith(
        "Left out, because it cannot be read: Option _bh_regular2: 'Mon-Fri 9-17' was given, allowed is"
    )
    assert "Option _bh_regular3: $hours$ is known only when a request fills it in." in words
    assert "Option _bh_add1: '02-30 10:00-12:00' was given" in words
    assert "09:00-17:00" in words


def test_other_services_count_as_they_are_stored(admin_client: Client) -> None:
    make("office-hours", "other", _timezone="Europe/Berlin", _bh_regular1="Mon-Sun 20:00-21:00")
    office = make("office-hours", **OFFICE)
    assert "20:00-21:00" in asked(admin_client, office, _include_regular1="other")


def test_a_circle_is_told_in_words(admin_client: Client) -> None:
    office = make("office-hours", **OFFICE)
    make("office-hours", "other", _timezone="Europe/Berlin", _include1="office")
    words = asked(admin_client, office, _include1="other")
    assert words == "There is no preview: Office hours go round in a circle: office refers to other refers to office."


def test_without_a_zone_there_is_no_preview(admin_client: Client) -> None:
    office = make("office-hours", _bh_regular1=HOURS)
    assert asked(admin_client, office).startswith("There is no preview: Service office: Option _timezone")
    with pytest.raises(NoPreview, match="_timezone"):
        preview.preview_office_hours(office, MONDAY)


def test_who_may_not_change_a_service_gets_no_preview(client: Client) -> None:
    office = make("office-hours", **OFFICE)
    assert client.post(page_of(office)).status_code == 302
    viewer = User.objects.create_user("vera", password="x", is_staff=True)
    viewer.user_permissions.set(Permission.objects.filter(codename="view_configuredservice"))
    client.force_login(viewer)
    assert client.post(page_of(office)).status_code == 403
    assert b"hours-editor" not in client.get(page_of(office, "change")).content
    viewer.user_permissions.add(Permission.objects.get(codename="change_configuredservice"))
    assert client.post(page_of(office)).status_code == 200


def test_the_preview_is_a_post_with_a_token(admin_user: User) -> None:
    office = make("office-hours", **OFFICE)
    careful = Client(enforce_csrf_checks=True)
    careful.force_login(admin_user)
    assert careful.get(page_of(office)).status_code == 405
    assert careful.post(page_of(office)).status_code == 403


def test_a_callback_service_has_neither_editor_nor_preview(admin_client: Client) -> None:
    voice = ConfiguredService.objects.create(name="voice", configuration="User Terminated Immediate")
    assert admin_client.post(page_of(voice)).status_code == 404
    assert b"schedule-editor" not in admin_client.get(page_of(voice, "change")).content
