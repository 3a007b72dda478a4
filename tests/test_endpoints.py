"""Every address of the site by every role: the tables of tests/endpoints.py, each cell requested.

The addresses are read from the URL configuration: one that stands in no table fails.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as configured
from django.contrib import admin
from django.contrib.auth.models import Group, User
from django.test import Client
from django.urls import URLPattern, URLResolver, get_resolver
from pytest_django import Settings

from callbacks import demo
from callbacks.api.base import ApiView, UnknownPath
from callbacks.list_models import SavedView
from callbacks.models import AuditFinding, Callback
from callbacks.push import answering
from callbacks.status.models import StatusNotice
from services.models import ADMIN, QUERY, START, ApiKey, Change, ConfiguredService, Section
from tests.api.conftest import client_with, make_office, make_service
from tests.endpoints import (
    A_VIEW,
    ADMIN_MODELS,
    ADMINISTRATOR,
    AGENT,
    ANONYMOUS,
    API,
    EVERYBODY,
    LOOKER,
    OPEN,
    PAGES,
    PEOPLE,
    STAFF,
    SUPERVISOR,
)
from tests.factories import (
    NOON,
    AgentFactory,
    AgentGroupFactory,
    JobFactory,
    RoutePointFactory,
    ServiceFactory,
    UserFactory,
    VirtualQueueFactory,
    limited_supervisor,
    read_only_supervisor,
    supervisor,
)

pytestmark = pytest.mark.django_db

BASE = f"{configured.API_BASE_PATH}/"
# What the admin makes of every model.
OF_MODELS = {
    "": "look",
    "add/": "add",
    "<path:object_id>/history/": "look",
    "<path:object_id>/delete/": "delete",
    "<path:object_id>/change/": "change",
    "<path:object_id>/": "look",
}


def routes() -> Iterator[tuple[str, Any]]:
    def walk(patterns: list[Any], prefix: str) -> Iterator[tuple[str, Any]]:
        for pattern in patterns:
            route = prefix + str(pattern.pattern)
            if isinstance(pattern, URLResolver):
                yield from walk(pattern.url_patterns, route)
            else:
                assert isinstance(pattern, URLPattern)
                # Of a list of words the table says that there is one.
                yield re.sub(r"(\?P<\w+>)[^)]*\|[^)]*", r"\1…", route), pattern.callback

    yield from walk(get_resolver().url_patterns, "")


def of_model(route: str) -> tuple[str, str] | None:
    """The model and the rest of an address that the admin makes for every model."""
    found = re.fullmatch(r"admin/(\w+)/(\w+)/(.*)", route)
    if found is None or route in PAGES or found[3] not in OF_MODELS:
        return None
    return f"{found[1]}.{found[2]}", found[3]


def operations() -> Iterator[tuple[str, str, str]]:
    """Address below the base path, method, and the scope that the code asks for."""
    for route, view in routes():
        if route.startswith(BASE):
            assert issubclass(view.cls, ApiView), f"{route} is no view of the API"
            if view.cls is UnknownPath:
                yield route.removeprefix(BASE), "*", OPEN
                continue
            for method, action in view.actions.items():
                # REST framework adds HEAD, with the action of GET, when an address is asked for the first time.
                if method == "head":
                    assert action == view.actions["get"]
                    continue
                yield route.removeprefix(BASE), method, view.cls.scopes[action]


# The tables are complete


def test_every_address_stands_in_a_table() -> None:
    pages = {route for route, _ in routes() if not route.startswith(BASE) and of_model(route) is None}
    assert pages - set(PAGES) == set(), "not listed in PAGES of tests/endpoints.py"
    assert set(PAGES) - pages == set(), "there is no such page any more"


def test_every_model_of_the_admin_stands_in_its_table() -> None:
    registered = {model._meta.label_lower for model in admin.site._registry}
    assert set(ADMIN_MODELS) == registered
    listed = {found for route, _ in routes() if (found := of_model(route))}
    assert listed == {(model, rest) for model in ADMIN_MODELS for rest in OF_MODELS}


def test_every_operation_of_the_api_stands_in_its_table() -> None:
    in_code = {(route, method): scope for route, method, scope in operations()}
    assert {key: row.scope for key, row in API.items()} == in_code


# The pages


def client_of(role: str) -> Client:
    client = Client()
    user: User | None = None
    match role:
        case "agent":
            user = UserFactory.create(username="kate")
            AgentFactory.create(name="kate", user=user)
        case "supervisor":
            user = supervisor()
        case "read-only supervisor":
            user = read_only_supervisor()
        case "staff without permissions":
            user = UserFactory.create(username="stan", is_staff=True)
        case "administrator":
            user = UserFactory.create(username="anna", is_staff=True, is_superuser=True)
    if user is not None:
        client.force_login(user)
        # Whoever it is: views are one's own.
        mine = {"owner": user, "name": "mine", "created_at": NOON}
        SavedView.objects.update_or_create(pk=int(A_VIEW["pk"]), defaults=mine)
    return client


@pytest.fixture
def service() -> ConfiguredService:
    """One that can be called."""
    RoutePointFactory.create()
    VirtualQueueFactory.create()
    AgentGroupFactory.create()
    return ServiceFactory.create()


@pytest.fixture
def parts(service: ConfiguredService) -> dict[str, str]:
    """What stands for the parts of addresses."""
    hours = make_office(_bh_regular1="Mon-Sun 00:00-24:00")
    started = client_with(START).post(f"/{BASE}1/service/callback/{service.name}", {"_customer_number": "5115"})
    assert started.status_code == 200, started.content
    callback = started.json()["_id"]
    page_key, _ = ApiKey.objects.create_key(name=demo.PAGE_KEY_NAME, scopes=[START], is_public=True)
    page_key.services.add(service)
    change = Change.objects.create(
        part="services", name=hours.name, at=hours.created_at, actor="anna", after={"type": "office-hours"}
    )
    return {
        "agent_id": str(AgentFactory.create(name="olga").pk),
        "callback_id": callback,
        "change_id": str(change.pk),
        "content_type_id": "1",
        "hours": str(hours.pk),
        "id": str(UserFactory.create(username="olga").pk),
        "job": str(JobFactory.create().pk),
        "key": "a",
        "name": service.name,
        "object_id": str(service.pk),
        "signature": answering.signature(callback),
        "storage_id": "369-00000000-0000-4000-8000-000000000000",
    }


def filled(route: str, parts: dict[str, str]) -> str:
    """The address with its parts, also those that a regular expression names."""
    route = re.sub(r"\(\?P<(\w+)>[^)]*\)", r"<\1>", route).replace("^", "").replace("$", "")
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda part: parts[part[1]], route)


def visit(client: Client, route: str, parts: dict[str, str]) -> Any:
    page = PAGES[route]
    sends = {name: text.format(**parts) for name, text in page.sends.items()}
    url = filled(route, {**parts, **sends})
    return client.post(url, sends) if page.method == "POST" else client.get(url, sends)


def is_refused(answer: Any) -> bool:
    if answer.status_code == 302:
        return str(answer["Location"]).startswith(("/login/?", "/admin/login/?"))
    return answer.status_code in {401, 403, 404}


@pytest.mark.parametrize("role", PEOPLE)
def test_who_may_use_which_page(role: str, parts: dict[str, str]) -> None:
    client = client_of(role)
    wrong = {}
    # Signing out comes last.
    for route, page in sorted(PAGES.items(), key=lambda each: "logout/" in each[0]):
        answer = visit(client, route, parts)
        assert answer.status_code < 500, route
        if is_refused(answer) is (role in page.who):
            wrong[route] = (answer.status_code, answer.get("Location", ""))
    assert wrong == {}


def test_a_supervisor_limited_to_another_service(parts: dict[str, str]) -> None:
    """On no page stands anything of a callback that is not theirs, and whatever is sent changes nothing of it."""
    make_service("sales")
    mark = parts["callback_id"]
    AuditFinding.objects.create(owner=mark, kind="overdue", detail=mark, first_seen=NOON, last_seen=NOON)
    notice = StatusNotice.objects.create(
        callback=mark, service_name=parts["name"], event="queued", receiver=f"https://{mark}.example.org:443",
        target="https://example.org", state="parked", made_at=NOON, give_up_at=NOON, due_at=NOON, settled_at=NOON,
    )  # fmt: skip
    before = Callback.objects.values().get()
    client = Client()
    client.force_login(limited_supervisor("sales"))
    told = {}
    for route, page in sorted(PAGES.items(), key=lambda each: "logout/" in each[0]):
        if SUPERVISOR not in page.who or page.who == EVERYBODY or route.startswith("admin/"):
            continue
        answer = visit(client, route, parts)
        assert answer.status_code < 500, route
        if "<slug:callback_id>" in route:
            assert answer.status_code == 404, route
        body = b"".join(answer.streaming_content) if answer.streaming else answer.content
        if mark in body.decode():
            told[route] = answer.status_code
    assert told == {}
    sent = {"notice": str(notice.pk)}, {"receiver": notice.receiver}
    for each in sent:
        client.post("/notifications/resend/", each)
    notice.refresh_from_db()
    assert notice.state == "parked"
    assert Callback.objects.values().get() == before


@pytest.mark.parametrize("role", [role for role in PEOPLE if role not in {ANONYMOUS}])
def test_a_refusal_of_who_is_signed_in_is_no_login_page(role: str, parts: dict[str, str]) -> None:
    """Signing in again would not help them."""
    client = client_of(role)
    for route, page in PAGES.items():
        if role not in page.who and not route.startswith("admin/"):
            assert visit(client, route, parts).status_code in {403, 404}, route


# The admin


@pytest.fixture
def rows(parts: dict[str, str]) -> dict[str, str]:
    """The key of a row of each model of the admin, where one can be made; else one that is not there."""
    Section.objects.create(name="callback", options={})
    Group.objects.get_or_create(name="Agent")
    client_of(AGENT)
    found = {}
    for label in ADMIN_MODELS:
        row = apps.get_model(label)._default_manager.first()
        found[label] = str(row.pk) if row else "0"
    return found


def administer(client: Client, label: str, rest: str, key: str) -> list[Any]:
    """The answers to looking at it and to sending a form, where there is one."""
    url = f"/admin/{label.replace('.', '/')}/{filled(rest, {'object_id': key}).lstrip('/')}"
    answers = [client.get(url)]
    if rest in {"add/", "<path:object_id>/change/", "<path:object_id>/delete/"}:
        answers.append(client.post(url, {}))
    return answers


@pytest.mark.parametrize("role", [ANONYMOUS, AGENT, LOOKER, SUPERVISOR, STAFF])
def test_nobody_else_administers(role: str, rows: dict[str, str]) -> None:
    Agent = apps.get_model("telephony", "Agent")
    Agent.objects.all().delete()
    User.objects.filter(username="kate").delete()
    client = client_of(role)
    for label in ADMIN_MODELS:
        for rest in OF_MODELS:
            for answer in administer(client, label, rest, rows[label]):
                # Django says of a row that is not there that it is not, before it asks who asks.
                gone = answer.status_code == 302 and answer["Location"] == "/admin/"
                moved = rest == "<path:object_id>/" and answer.status_code == 302
                assert is_refused(answer) or (role == STAFF and (gone or moved)), (label, rest, answer.status_code)


def test_what_administrators_may(rows: dict[str, str]) -> None:
    client = client_of(ADMINISTRATOR)
    wrong = {}
    for label, may in ADMIN_MODELS.items():
        for rest, asked in OF_MODELS.items():
            answers = administer(client, label, rest, "0" if asked == "delete" else rows[label])
            # What may only be looked at has the same page, without a form; a change shows itself by any method.
            looks = asked == "change" and "look" in may
            allowed = [looks or asked in may.split(), asked in may.split() or (looks and label == "services.change")]
            for n, answer in enumerate(answers):
                assert answer.status_code < 500, (label, rest)
                if is_refused(answer) is allowed[n]:
                    wrong[label, rest, n] = answer.status_code
    assert wrong == {}


# The API


def ask(client: Client, route: str, method: str, parts: dict[str, str]) -> Any:
    row = API[route, method]
    path = row.path.format(**parts) if row.path else filled(route, parts).lstrip("/")
    if method == "get":
        return client.get(f"/{BASE}{path}", row.sends)
    return getattr(client, method)(f"/{BASE}{path}", row.sends, content_type="application/json")


OPERATIONS = [key for key, row in API.items() if row.scope != OPEN]


@pytest.mark.parametrize("scope", [START, QUERY, ADMIN])
def test_a_key_may_what_its_scope_says(scope: str, parts: dict[str, str]) -> None:
    client, wrong = client_with(scope), {}
    # Cancelled, it has no position any more.
    for route, method in sorted(OPERATIONS, key=lambda each: each[1] == "delete" or "served" in each[0]):
        answer = ask(client, route, method, parts)
        assert answer.status_code < 500, (route, method, answer.content)
        if (answer.status_code not in {401, 403}) is not (API[route, method].scope == scope):
            wrong[route, method] = answer.status_code
    assert wrong == {}


@pytest.mark.parametrize("role", [ANONYMOUS, AGENT, SUPERVISOR, ADMINISTRATOR])
def test_without_a_key_nobody_may_anything(role: str, parts: dict[str, str]) -> None:
    client = client_of(role)
    for route, method in OPERATIONS:
        assert ask(client, route, method, parts).status_code == 401, (route, method)
    assert Callback.objects.get().state == "QUEUED"


def test_a_key_limited_to_another_service(parts: dict[str, str]) -> None:
    client = client_with(START, QUERY, ADMIN, services=(make_service("sales"),))
    for route, method in OPERATIONS:
        answer = ask(client, route, method, parts)
        assert answer.status_code < 500, (route, method)
        if "<str:name>" in route or "<str:callback_id>" in route:
            assert answer.status_code in {403, 404}, (route, method)
        assert parts["callback_id"] not in answer.content.decode(errors="replace") or answer.status_code == 404, route
    assert Callback.objects.get().state == "QUEUED"


def test_a_key_for_web_pages(parts: dict[str, str], service: ConfiguredService) -> None:
    key, text = ApiKey.objects.create_key(name="page", scopes=[START], is_public=True)
    key.requests_a_minute = 1000
    key.save(update_fields=["requests_a_minute"])
    key.services.add(service)
    client = Client(headers={"x-api-key": text})
    for route, method in OPERATIONS:
        if API[route, method].scope != START:
            assert ask(client, route, method, parts).status_code == 403, (route, method)


@pytest.mark.parametrize("sent", ["", "Basic Vjp4", "Basic Vzp2"])
def test_a_password_of_the_server_closes_what_the_operator_has_opened(
    sent: str, parts: dict[str, str], settings: Settings
) -> None:
    """No address forgets to ask: not without credentials, nor with wrong ones (V:x, W:v)."""
    settings.API_ALLOW_ANONYMOUS = True
    Section.objects.create(name="server", options={"username": "V", "password": "v"})
    client = Client(headers={"Authorization": sent} if sent else {})
    for route, method in OPERATIONS:
        answer = ask(client, route, method, parts)
        assert answer.status_code == 401, (route, method, answer.content)
        if API[route, method].scope != ADMIN:
            assert answer["WWW-Authenticate"].startswith("Basic "), (route, method)
    right = Client(headers={"Authorization": "Basic Vjp2"})
    for route, method in OPERATIONS:
        is_open = API[route, method].scope != ADMIN
        assert (ask(right, route, method, parts).status_code not in {401, 403}) is is_open, (route, method)


def test_elsewhere_is_nothing(parts: dict[str, str]) -> None:
    for client in (Client(), client_with(START, QUERY, ADMIN)):
        for method in ("get", "post", "put", "delete", "patch"):
            assert getattr(client, method)(f"/{BASE}1/nothing").status_code == 404


def test_what_watches_the_service_is_answered_before_all_this() -> None:
    assert Client().get("/livez").status_code == 200
    assert Client().get("/readyz").status_code in {200, 503}
    assert Client().get("/metrics", REMOTE_ADDR="203.0.113.7").status_code in {401, 403}


# What is written about it


def test_the_page_about_security_says_the_same() -> None:
    page = (Path(configured.BASE_DIR) / "docs" / "security.md").read_text()
    for line in written():
        assert line in page, line


def written() -> Iterator[str]:
    """The table of the pages, as docs/security.md has it."""
    yield f"| page | {' | '.join(PEOPLE)} |"
    for route, row in PAGES.items():
        if "(" not in route:
            address = re.sub(r"<(?:[a-z]+:)?([a-z_]+)>", r"{\1}", route)
            yield f"| `/{address}` | {' | '.join('yes' if who in row.who else 'no' for who in PEOPLE)} |"


if __name__ == "__main__":
    print(*written(), sep="\n")  # noqa: T201
