"""A person's own pages in a real browser: signing in, a password changed and lost, and who may see what."""

from __future__ import annotations

from typing import Any

import pytest
from django.contrib.auth.models import Group
from django.contrib.auth.tokens import default_token_generator
from django.urls import reverse
from django.utils.encoding import force_bytes
from django.utils.http import urlsafe_base64_encode
from playwright.sync_api import Page, expect
from pytest_django.live_server_helper import LiveServer

from services.people_models import PersonScope
from tests.factories import PASSWORD, ServiceFactory, UserFactory, administrator, make_roles, supervisor
from tests.pages.browser import assert_accessible, assert_fits

pytestmark = [pytest.mark.e2e, pytest.mark.django_db(transaction=True)]

# A machine under load answers in seconds.
expect.set_options(timeout=30_000)

NEW = "an even calmer evening"


@pytest.fixture(autouse=True)
def _roles(transactional_db: None) -> None:
    make_roles()


@pytest.fixture
def visit(page: Page, live_server: LiveServer) -> Any:
    page.set_default_timeout(30_000)
    return lambda path: page.goto(f"{live_server.url}{path}")


def sign_in(page: Page, username: str, password: str = PASSWORD) -> None:
    page.get_by_label("Username").fill(username)
    page.get_by_label("Password").fill(password)
    page.get_by_role("button", name="Sign in").click()


def link_of(user: Any) -> str:
    token = default_token_generator.make_token(user)
    return reverse("password-reset-confirm", args=[urlsafe_base64_encode(force_bytes(user.pk)), token])


def test_a_password_is_changed_and_a_lost_one_replaced(page: Page, visit: Any) -> None:
    sue = supervisor(username="sue", email="sue@example.org")
    visit("/account/")
    sign_in(page, "sue", "not hers")
    expect(page.get_by_role("alert").first).to_be_visible()
    sign_in(page, "sue")
    page.get_by_role("link", name="Change my password").click()
    page.get_by_label("Old password").fill(PASSWORD)
    page.get_by_label("New password", exact=True).fill(NEW)
    page.get_by_label("New password confirmation").fill(NEW)
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_text("Your password was changed.")).to_be_visible()
    page.get_by_role("button", name="Sign out").click()

    page.get_by_role("link", name="Password lost?").click()
    page.get_by_label("Your e-mail address").fill("sue@example.org")
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_text("If an account has the address that you gave, a link was sent there.")).to_be_visible()
    sue.refresh_from_db()
    link = link_of(sue)
    visit(link)
    page.get_by_label("New password", exact=True).fill(PASSWORD)
    page.get_by_label("New password confirmation").fill(PASSWORD)
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_text("Sign in with the new one.")).to_be_visible()
    sign_in(page, "sue")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    visit(link)
    expect(page.get_by_text("This link holds no more")).to_be_visible()


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [390, 1280])
def test_the_pages_are_accessible(page: Page, visit: Any, scheme: Any, width: int) -> None:
    page.emulate_media(color_scheme=scheme)
    page.set_viewport_size({"width": width, "height": 900})
    nora = UserFactory.create(username="nora", email="nora@example.org")
    ServiceFactory.create(name="sales", options={"_service_groups": "north"})
    lost = reverse("password-reset")
    for path in ("/login/", lost, reverse("password-reset-sent"), link_of(nora), link_of(nora)[:-4] + "/"):
        visit(path)
        assert_accessible(page)
        assert_fits(page)
    visit("/account/")
    sign_in(page, "nora", "not hers")
    expect(page.get_by_role("alert").first).to_be_visible()
    assert_accessible(page)
    sign_in(page, "nora")
    expect(page.get_by_role("button", name="Sign out")).to_be_visible()
    # As nobody, then as one who sees some services.
    for path in ("/", "/account/"):
        visit(path)
        assert_accessible(page)
        assert_fits(page)
    nora.groups.add(Group.objects.get(name="CallbackReadOnly"))
    PersonScope.objects.create(user=nora, kind="group", name="north")
    for path in ("/account/", "/account/password/"):
        visit(path)
        assert_accessible(page)
        assert_fits(page)
    page.get_by_label("Old password").fill("not hers")
    page.get_by_label("New password", exact=True).fill("short")
    page.get_by_label("New password confirmation").fill("other")
    page.get_by_role("main").get_by_role("button").click()
    expect(page.get_by_role("alert")).to_have_count(2)
    assert_accessible(page)


def test_an_administrator_limits_a_supervisor_who_then_sees_no_more(page: Page, visit: Any) -> None:
    anna = administrator()
    lisa = supervisor(username="lisa")
    for name, groups in (("sales", "north"), ("claims", "south")):
        ServiceFactory.create(name=name, options={"_service_groups": groups})
    visit("/login/?next=" + reverse("admin:auth_user_change", args=[lisa.pk]))
    sign_in(page, anna.username)
    expect(page.get_by_role("heading", name="lisa")).to_be_visible()
    page.get_by_label("Service or group").first.select_option("group:north")
    page.get_by_role("button", name="Save and continue editing").click()
    expect(page.locator(".messagelist .success")).to_be_visible()
    assert PersonScope.objects.filter(user=lisa, kind="group", name="north").count() == 1
    page.locator("#logout-form button").click()
    visit("/callbacks/")
    sign_in(page, "lisa")
    page.locator("#advanced summary").click()
    expect(page.get_by_role("checkbox", name="sales")).to_be_visible()
    expect(page.get_by_role("checkbox", name="claims")).to_have_count(0)
