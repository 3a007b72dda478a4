"""Who gets where: login, logout, the start page, the roles, the error pages."""

from __future__ import annotations

import re

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.template.loader import render_to_string
from django.test import Client

from tests.factories import PASSWORD, AgentFactory, UserFactory, make_roles, supervisor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

READ_ONLY_MAY = [
    "view_attempt",
    "view_blockednumber",
    "view_brakerelease",
    "view_callback",
    "view_dialcount",
    "view_journalentry",
    "view_statusnotice",
]
STEER = ["add_blockednumber", "add_brakerelease", "change_callback", "change_statusnotice", "see_numbers"]
SUPERVISORS_MAY = sorted([*READ_ONLY_MAY, *STEER])


def permissions_of(group: str) -> list[str]:
    return sorted(Group.objects.get(name=group).permissions.values_list("codename", flat=True))


def test_the_migrations_make_the_roles() -> None:
    assert permissions_of("Supervisor") == SUPERVISORS_MAY
    assert permissions_of("CallbackReadOnly") == READ_ONLY_MAY
    assert permissions_of("Agent") == []
    assert len(permissions_of("Administrator")) == Permission.objects.count()


def test_the_roles_are_made_where_no_permission_exists_yet_and_once() -> None:
    Group.objects.all().delete()
    Permission.objects.all().delete()
    for _ in range(2):
        make_roles()
    assert permissions_of("Supervisor") == SUPERVISORS_MAY
    assert permissions_of("CallbackReadOnly") == READ_ONLY_MAY
    assert Group.objects.count() == 4


def test_the_start_page_is_where_one_works() -> None:
    staff = UserFactory.create(username="stan", is_staff=True)
    staff_agent = UserFactory.create(username="sara", is_staff=True)
    kate = UserFactory.create(username="kate")
    AgentFactory.create(name="kate", user=kate)
    AgentFactory.create(name="sara", user=staff_agent)
    expected: list[tuple[User, str]] = [
        (supervisor(), "/board/"),
        (kate, "/desk/"),
        (staff, "/admin/"),
        (staff_agent, "/desk/"),
    ]
    for user, url in expected:
        client = Client()
        client.force_login(user)
        assert client.get("/")["Location"] == url, user


def test_the_start_page_asks_strangers_to_sign_in(client: Client) -> None:
    assert client.get("/")["Location"] == "/login/?next=/"


def test_signing_in_and_out(client: Client) -> None:
    supervisor(username="sue")
    wrong = client.post("/login/", {"username": "sue", "password": "nothing"})
    assert "Please enter a correct username and password" in wrong.content.decode()
    right = client.post("/login/", {"username": "sue", "password": PASSWORD, "next": "/callbacks/?state=QUEUED"})
    assert right["Location"] == "/callbacks/?state=QUEUED"
    assert client.get("/login/")["Location"] == "/"
    assert client.get("/logout/").status_code == 405
    assert client.post("/logout/")["Location"] == "/login/"
    assert client.get("/callbacks/").status_code == 302


def test_signing_in_does_not_lead_elsewhere(client: Client) -> None:
    supervisor(username="sue")
    answer = client.post("/login/", {"username": "sue", "password": PASSWORD, "next": "https://evil.example/"})
    assert answer["Location"] == "/"


def test_the_head_shows_what_one_may_use() -> None:
    everything = UserFactory.create(username="anna", is_staff=True, is_superuser=True)
    AgentFactory.create(name="anna", user=everything)
    client = Client()
    client.force_login(everything)
    links = re.findall(r'<li><a href="([^"]+)"', client.get("/callbacks/").content.decode())
    look = ["/board/", "/callbacks/", "/calendar/", "/agents/", "/reports/", "/estimates/", "/notifications/"]
    assert links == [*look, "/desk/", "/admin/"]
    client.force_login(supervisor())
    links = re.findall(r'<li><a href="([^"]+)"', client.get("/callbacks/").content.decode())
    assert links == look


def test_error_pages(as_nobody: Client) -> None:
    refused = as_nobody.get("/callbacks/")
    assert refused.status_code == 403
    assert "You may not see this page" in refused.content.decode()
    missing = as_nobody.get("/nowhere/")
    assert missing.status_code == 404
    assert "There is no such page" in missing.content.decode()
    # Without a request, and without a database that may be what failed.
    assert "Something failed here" in render_to_string("500.html")


def test_a_form_that_is_too_old_is_told_so() -> None:
    client = Client(enforce_csrf_checks=True)
    refused = client.post("/login/", {"username": "sue", "password": PASSWORD})
    assert refused.status_code == 403
    assert "Please try that again" in refused.content.decode()
