"""A person's own page and password: Sue works in Berlin, the office's clock is set by TIME_ZONE."""

from __future__ import annotations

import html
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import time_machine
from axes.models import AccessAttempt
from django.contrib.auth.models import Group, User
from django.core import mail
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries, DjangoCaptureOnCommitCallbacks, Settings

from callbacksite import passwords, tasks
from scheduling import kick
from services.people_models import Preference, ResetRequest
from tests.factories import (
    NOON,
    PASSWORD,
    AgentFactory,
    CallbackFactory,
    ServiceFactory,
    UserFactory,
    limited_supervisor,
    make_roles,
    read_only_supervisor,
    supervisor,
)

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("roles")]

ACCOUNT, LOST = "/account/", "/account/lost-password/"
HOME = "203.0.113.7"
NEW = "an even calmer evening"


def text_of(answer: Any) -> str:
    """What a reader sees of a page."""
    body = re.sub(r"(?s).*?<body", "<body", answer.content.decode(), count=1)
    flowing = re.sub(r"</?(?:strong|em)\b[^>]*>", "", body)
    return " ".join(html.unescape(re.sub(r"<[^>]*>", " ", flowing)).split())


def signed_in(user: User) -> Client:
    client = Client()
    client.force_login(user)
    return client


# Who am I


def test_the_page_says_roles_and_what_is_seen() -> None:
    for name in ("sales", "loans"):
        ServiceFactory.create(name=name, options={"_service_groups": "south"})
    lisa = limited_supervisor("claims", groups=("south",), email="lisa@example.org")
    page = text_of(signed_in(lisa).get(ACCOUNT))
    for said in (
        "User name lisa",
        "lisa@example.org",
        "Supervisor (watches callbacks and steers them)",
        "services of the group south, claims",
        "These are now: loans, sales",
        "Customers' numbers in full",
    ):
        assert said in page


def test_the_page_of_who_reads_only_and_is_not_limited() -> None:
    page = text_of(signed_in(read_only_supervisor()).get(ACCOUNT))
    assert "Callbacks that I see of all services" in page
    assert "Customers' numbers masked" in page


def test_the_page_of_an_agent() -> None:
    kate = UserFactory.create(username="kate")
    AgentFactory.create(name="kate", user=kate)
    page = text_of(signed_in(kate).get(ACCOUNT))
    assert "Agent kate" in page
    assert "Callbacks that I see" not in page


# The viewer's clock and the office's


@pytest.mark.parametrize(
    ("office", "zone", "at", "shown"),
    [
        ("UTC", "", NOON, "2 Mar 2026 12:00 UTC"),
        ("UTC", "Europe/Berlin", NOON, "2 Mar 2026 13:00 CET (office 12:00 UTC)"),
        ("Europe/Berlin", "Europe/Paris", NOON, "2 Mar 2026 13:00 CET"),
        # Half an hour, three quarters, and another day.
        ("UTC", "Asia/Kolkata", NOON, "2 Mar 2026 17:30 IST (office 12:00 UTC)"),
        ("Asia/Kolkata", "Asia/Kathmandu", NOON, "2 Mar 2026 17:45 +0545 (office 17:30 IST)"),
        ("America/New_York", "Asia/Tokyo", NOON + timedelta(hours=6), "3 Mar 2026 03:00 JST (office 2 Mar 13:00 EST)"),
        # Two hours with the same name on the day the clocks go back, told apart by the zone's name.
        ("Europe/Berlin", "", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), "25 Oct 2026 02:30 CEST"),
        ("Europe/Berlin", "", datetime(2026, 10, 25, 1, 30, tzinfo=UTC), "25 Oct 2026 02:30 CET"),
        # The hour that is left out in spring, and the days on which only one of the two has changed its clocks.
        ("Europe/Berlin", "", datetime(2026, 3, 29, 1, 0, tzinfo=UTC), "29 Mar 2026 03:00 CEST"),
        ("Europe/Berlin", "Africa/Lagos", NOON, "2 Mar 2026 13:00 WAT"),
        (
            "Europe/Berlin",
            "Africa/Lagos",
            datetime(2026, 3, 29, 1, 0, tzinfo=UTC),
            "29 Mar 2026 02:00 WAT (office 03:00 CEST)",
        ),
    ],
)
def test_times_are_shown_in_the_viewers_zone(
    settings: Settings, office: str, zone: str, at: datetime, shown: str
) -> None:
    settings.TIME_ZONE = office
    sue = signed_in(supervisor())
    assert sue.post(ACCOUNT, {"time_zone": zone}).status_code == 302
    callback = CallbackFactory.create(desired_at=at, created_at=NOON - timedelta(days=1))
    page = text_of(sue.get(f"/callbacks/{callback.pk}/"))
    assert shown.replace(":00 ", ":00:00 ").replace(":30 ", ":30:00 ").replace(":45 ", ":45:00 ") in page


def test_a_zone_is_kept_for_later_sessions_and_costs_pages_nothing(settings: Settings) -> None:
    settings.TIME_ZONE = "UTC"
    user = supervisor()
    first, before = signed_in(user), signed_in(user)
    assert first.post(ACCOUNT, {"time_zone": "Asia/Kolkata"}, follow=True).status_code == 200
    assert Preference.objects.get(user=user).time_zone == "Asia/Kolkata"

    later = signed_in(user)
    callback = CallbackFactory.create()
    assert "17:30:00 IST (office 12:00:00 UTC)" in text_of(later.get(f"/callbacks/{callback.pk}/"))
    # The session knows it, which is read anyway: no statement more than for who has chosen none.
    counted = set()
    for client in (before, later):
        with CaptureQueriesContext(connection) as queries:
            client.get("/account/password/")
        counted.add(len(queries))
    assert len(counted) == 1


def test_what_is_no_zone_is_refused_and_changes_nothing() -> None:
    user = supervisor()
    answer = signed_in(user).post(ACCOUNT, {"time_zone": "Mars/Olympus"})
    assert answer.status_code == 400
    assert "“Mars/Olympus” is no time zone: choose one of the list." in text_of(answer)
    assert not Preference.objects.exists()


def test_a_zone_that_the_machine_has_no_more_is_the_offices() -> None:
    sue = signed_in(supervisor())
    session = sue.session
    session["time_zone"] = "Mars/Olympus"
    session.save()
    assert "UTC" in text_of(sue.get(ACCOUNT))


def test_the_api_speaks_utc_to_whoever_has_a_zone() -> None:
    sue = signed_in(supervisor())
    sue.post(ACCOUNT, {"time_zone": "Asia/Kolkata"})
    answer = sue.get("/genesys/1/service/callback/nothing")
    assert "Content-Language" not in answer
    assert "Accept-Language" not in answer.get("Vary", "")


# No role


def test_who_has_no_role_is_told_what_to_do() -> None:
    answer = signed_in(UserFactory.create(username="newman")).get("/")
    assert answer.status_code == 403
    assert "You are signed in as newman, and nobody has said yet what you work at" in text_of(answer)


def test_an_agent_without_a_desk_is_sent_there() -> None:
    make_roles()
    kate = UserFactory.create()
    kate.groups.add(Group.objects.get(name="Agent"))
    assert signed_in(kate).get("/")["Location"] == "/desk/"


# The password


def test_a_password_is_changed_by_who_knows_it() -> None:
    user = supervisor()
    sue, elsewhere = signed_in(user), signed_in(user)
    form = {"old_password": PASSWORD, "new_password1": NEW, "new_password2": NEW}
    answer = sue.post("/account/password/", form, follow=True)

    assert answer.redirect_chain == [(ACCOUNT, 302)]
    assert "Your password was changed." in text_of(answer)
    assert elsewhere.get(ACCOUNT).status_code == 302
    user.refresh_from_db()
    assert user.check_password(NEW)


def test_a_wrong_old_password_changes_nothing() -> None:
    user = supervisor()
    form = {"old_password": "guessed", "new_password1": NEW, "new_password2": NEW}
    assert signed_in(user).post("/account/password/", form).status_code == 200
    user.refresh_from_db()
    assert user.check_password(PASSWORD)


@pytest.fixture
def kicked(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, tuple[str, ...]]]:
    """What was handed to the broker."""
    found: list[tuple[str, tuple[str, ...]]] = []
    monkeypatch.setattr(kick, "publish", lambda task, args: found.append((task, args)))
    return found


class Lost:
    """Sue asks for a link, and a worker does what it was told."""

    def __init__(self, capture: DjangoCaptureOnCommitCallbacks, kicked: list[tuple[str, tuple[str, ...]]]) -> None:
        self.capture, self.kicked = capture, kicked

    def ask(self, email: str, address: str = HOME) -> Any:
        with self.capture(execute=True):
            answer = Client(REMOTE_ADDR=address).post(LOST, {"email": email}, follow=True)
        while self.kicked:
            name, (key,) = self.kicked.pop()
            assert name == tasks.mail_password.name
            tasks.mail_password(key)
            # A worker that is told twice.
            tasks.mail_password(key)
        return answer


@pytest.fixture
def lost(
    django_capture_on_commit_callbacks: DjangoCaptureOnCommitCallbacks,
    kicked: list[tuple[str, tuple[str, ...]]],
    settings: Settings,
) -> Lost:
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    return Lost(django_capture_on_commit_callbacks, kicked)


def sue_with_mail(**fields: Any) -> User:
    return User.objects.create_user("sue", "Sue@example.org", PASSWORD, **fields)


def link() -> str:
    (sent,) = mail.outbox
    found = re.search(r"http://testserver(/account/new-password/\S+)", str(sent.body))
    assert found, sent.body
    return found[1]


def test_a_lost_password_is_replaced_by_a_link(lost: Lost) -> None:
    user = sue_with_mail()
    answer = lost.ask("sue@example.org")
    assert "If an account has the address that you gave, a link was sent there." in text_of(answer)
    (sent,) = mail.outbox
    assert (sent.to, sent.subject) == (["Sue@example.org"], "A new password for Callbacksite")
    assert "the password of sue at testserver is lost" in str(sent.body)

    client = Client()
    form_at = client.get(link())["Location"]
    answer = client.post(form_at, {"new_password1": NEW, "new_password2": NEW}, follow=True)
    assert answer.redirect_chain == [("/login/", 302)]
    assert "Your password was changed. Sign in with the new one." in text_of(answer)
    user.refresh_from_db()
    assert user.check_password(NEW)
    # A link holds once.
    assert "This link holds no more" in text_of(Client().get(link(), follow=True))


def test_a_link_holds_for_two_hours(lost: Lost) -> None:
    sue_with_mail()
    with time_machine.travel(NOON, tick=False) as clock:
        lost.ask("sue@example.org")
        clock.shift(timedelta(hours=2, seconds=1))
        assert "This link holds no more" in text_of(Client().get(link(), follow=True))


@pytest.mark.parametrize("email", ["nobody@example.org", "gone@example.org"])
def test_the_answer_does_not_say_whose_address_it_is(
    lost: Lost, email: str, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    sue_with_mail()
    User.objects.create_user("gone", "gone@example.org", PASSWORD, is_active=False)
    known = lost.ask("sue@example.org")
    mail.outbox.clear()
    unknown = lost.ask(email)

    assert known.redirect_chain == unknown.redirect_chain
    assert text_of(known) == text_of(unknown)
    assert mail.outbox == []
    # Nor do the statements: what depends on the address is done by a worker.
    for address in ("sue@example.org", email):
        with django_assert_num_queries(7):
            Client(REMOTE_ADDR=HOME).post(LOST, {"email": address})


def test_one_mailbox_gets_three_an_hour(lost: Lost) -> None:
    sue_with_mail()
    with time_machine.travel(NOON, tick=False) as clock:
        for n in range(5):
            answer = lost.ask("sue@example.org" if n % 2 else "SUE@example.org", address=f"203.0.113.{n}")
            assert answer.redirect_chain == [(f"{LOST}sent/", 302)]
        assert len(mail.outbox) == 3
        clock.shift(timedelta(hours=1))
        lost.ask("sue@example.org")
    assert len(mail.outbox) == 4


def test_one_client_asks_ten_times_an_hour(lost: Lost) -> None:
    sue_with_mail()
    with time_machine.travel(NOON, tick=False) as clock:
        for n in range(10):
            lost.ask(f"nobody{n}@example.org")
        clock.shift(timedelta(minutes=20))
        answer = lost.ask("sue@example.org")
        assert (answer.status_code, answer["Retry-After"]) == (429, "2401")
        assert "Too many links were asked for from here. Nothing was sent." in text_of(answer)
        assert ResetRequest.objects.count() == 10
        # Others may.
        assert lost.ask("sue@example.org", address="203.0.113.8").status_code == 200
        clock.shift(timedelta(minutes=40))
        assert lost.ask("sue@example.org").status_code == 200
    # What was typed is kept no longer than it counts.
    assert ResetRequest.objects.count() == 2


def test_a_new_password_ends_the_wait_after_wrong_ones(lost: Lost, settings: Settings) -> None:
    settings.AXES_ENABLED = True
    sue_with_mail()
    UserFactory.create(username="tom")
    for username in ("sue", "tom"):
        for _ in range(6):
            answer = Client(REMOTE_ADDR=HOME).post("/login/", {"username": username, "password": "wrong"})
        assert answer.status_code == 429
    lost.ask("sue@example.org")
    client = Client()
    client.post(client.get(link())["Location"], {"new_password1": NEW, "new_password2": NEW})

    assert Client(REMOTE_ADDR=HOME).post("/login/", {"username": "sue", "password": NEW}).status_code == 302
    assert set(AccessAttempt.objects.values_list("username", flat=True)) == {"tom"}


def test_without_a_server_for_mails_nobody_is_promised_one(settings: Settings) -> None:
    settings.HTTPS, settings.EMAIL_URL, settings.SECURE_SSL_REDIRECT = True, {}, False
    answer = Client().post(LOST, {"email": "sue@example.org"}, secure=True)
    assert "This installation sends no e-mail." in text_of(answer)
    assert not ResetRequest.objects.exists()
    settings.EMAIL_URL = {"EMAIL_HOST": "mail.example.org"}
    assert passwords.is_possible()


def test_what_is_no_address_is_said() -> None:
    answer = Client().post(LOST, {"email": "sue"})
    assert answer.status_code == 400
    assert "Enter a valid email address." in text_of(answer)
    assert not ResetRequest.objects.exists()
