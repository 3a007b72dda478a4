"""Anna gives Lisa a role and limits her to services, in Django admin."""

from __future__ import annotations

import re
from typing import Any

import pytest
from django.contrib.auth.models import Group, Permission, User
from django.test import Client
from django.urls import reverse

from callbacks import roles
from services import people
from services.people_models import PersonScope
from tests.factories import ServiceFactory, UserFactory, administrator, limit, make_roles, supervisor

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

LIST = reverse("admin:auth_user_changelist")


@pytest.fixture
def lisa() -> User:
    make_roles()
    for name, groups in (("sales", "north, retail"), ("loans", "north")):
        ServiceFactory.create(name=name, options={"_service_groups": groups})
    user: User = UserFactory.create(username="lisa", email="lisa@example.org")
    return user


@pytest.fixture
def anna() -> Client:
    client = Client()
    client.force_login(administrator())
    return client


def page_of(user: User) -> str:
    return reverse("admin:auth_user_change", args=[user.pk])


def save(client: Client, user: User, *scopes: str, groups: tuple[str, ...] = (), **sent: Any) -> Any:
    """Send the user's form with these lines of limits, each in the place of the one that was there."""
    stored = list(PersonScope.objects.filter(user=user))
    form = {
        "username": user.username,
        "email": user.email,
        "is_active": "on",
        "date_joined_0": "2026-03-02",
        "date_joined_1": "12:00:00",
        "groups": [str(Group.objects.get(name=name).pk) for name in groups],
        "scopes-TOTAL_FORMS": str(max(len(scopes), len(stored))),
        "scopes-INITIAL_FORMS": str(len(stored)),
    }
    for n, what in enumerate(scopes):
        form |= {f"scopes-{n}-what": what, f"scopes-{n}-user": str(user.pk)}
        form |= {f"scopes-{n}-id": str(stored[n].pk)} if n < len(stored) else {}
    return client.post(page_of(user), form | sent, follow=True)


def kept(user: User) -> set[tuple[str, str]]:
    return set(PersonScope.objects.filter(user=user).values_list("kind", "name"))


def test_a_role_and_limits_are_given(anna: Client, lisa: User) -> None:
    page = anna.get(page_of(lisa)).content.decode()
    assert "north: loans, sales" in page
    assert "Limited to services (none: sees the callbacks of all)" in page

    assert save(anna, lisa, "service:sales", "group:north", groups=("Supervisor",)).status_code == 200
    assert kept(lisa) == {("service", "sales"), ("group", "north")}
    lisa = User.objects.get(pk=lisa.pk)
    assert lisa.has_perm("callbacks.change_callback")
    assert not lisa.is_staff
    row = " ".join(re.sub(r"<[^>]*>", " ", anna.get(LIST + "?q=north").content.decode()).split())
    assert "lisa@example.org Supervisor group north, sales" in row


def test_a_limit_is_changed_and_taken_out(anna: Client, lisa: User) -> None:
    limit(lisa, "sales")
    save(anna, lisa, "group:retail")
    assert kept(lisa) == {("group", "retail")}
    save(anna, lisa, "group:retail", groups=(), **{"scopes-0-DELETE": "on"})
    assert kept(lisa) == set()


def test_what_makes_no_sense_is_refused_and_changes_nothing(anna: Client, lisa: User) -> None:
    twice = save(anna, lisa, "service:sales", "service:sales").content.decode()
    assert "sales is chosen twice." in twice
    assert "Select a valid choice." in save(anna, lisa, "service:nothing").content.decode()
    assert kept(lisa) == set()


def test_a_limit_to_a_service_that_is_gone_stays_until_it_is_taken_out(anna: Client, lisa: User) -> None:
    limit(lisa, "gone")
    assert "gone (not there any more: nothing is seen by it)" in anna.get(page_of(lisa)).content.decode()
    save(anna, lisa, "service:gone")
    assert kept(lisa) == {("service", "gone")}
    assert people.is_limited(User.objects.get(pk=lisa.pk))


def test_an_administrator_gets_into_the_administration(anna: Client, lisa: User) -> None:
    answer = save(anna, lisa, groups=(roles.ADMINISTRATOR,))
    said = "lisa is an Administrator and so may enter the administration (staff status)."
    assert said in [str(message) for message in answer.context["messages"]]
    lisa = User.objects.get(pk=lisa.pk)
    assert (lisa.is_staff, lisa.is_superuser) == (True, False)
    assert lisa.has_perms(
        f"{app}.{name}" for app, name in Permission.objects.values_list("content_type__app_label", "codename")
    )


def test_administrators_get_what_a_release_brings() -> None:
    make_roles()
    group = Group.objects.get(name=roles.ADMINISTRATOR)
    group.permissions.remove(Permission.objects.get(codename="see_numbers"))
    roles.keep_administrators_whole()
    assert group.permissions.count() == Permission.objects.count()
    # Who has deleted the group does not get it back.
    group.delete()
    roles.keep_administrators_whole()
    assert not Group.objects.filter(name=roles.ADMINISTRATOR).exists()


def test_supervisors_do_not_administer_people() -> None:
    client = Client()
    client.force_login(supervisor(is_staff=True))
    assert client.get(LIST).status_code == 403
