"""The administration requests: callbacks by queue, how many are at work, many cancelled at once, the CSV report."""

from __future__ import annotations

import csv
import io
from datetime import UTC, datetime, timedelta
from typing import Any
from unittest import mock

import pytest
from django.test import Client

from callbacks import actions, queries
from callbacks.api import admin_views, schema_admin
from callbacks.flow.states import Reason, State
from callbacks.models import Callback, JournalEntry
from services.models import ADMIN, QUERY, START, ConfiguredService, Section
from tests.api.conftest import at, client_with, make_service
from tests.api.test_errors import FAMILY
from tests.factories import CallbackFactory

ADMINISTRATION = "/genesys/1/admin/callback"
QUEUES, WATERMARKS = f"{ADMINISTRATION}/queues", f"{ADMINISTRATION}/watermarks"
NOW = datetime(2026, 7, 30, 15, 0, tzinfo=UTC)
REACHED = "X-Callback-Limit-Reached"


@pytest.fixture
def billing(telephony: None) -> ConfiguredService:
    return make_service("billing")


@pytest.fixture
def sales(telephony: None) -> ConfiguredService:
    return make_service("sales")


def stored(service: ConfiguredService, minutes: int = 0, **fields: Any) -> str:
    """A callback whose desired time is so many minutes from now."""
    time = NOW + timedelta(minutes=minutes)
    return CallbackFactory.create(service=service, created_at=NOW, desired_at=time, **fields).pk


def queues(client: Client, **query: str) -> dict[str, list[str]]:
    with at(NOW):
        response = client.get(QUEUES, query)
    assert response.status_code == 200, response.content
    return {name: [record["_id"] for record in records] for name, records in response.json().items()}


def refusal(client: Client, path: str, **query: str) -> str:
    with at(NOW):
        response = client.get(path, query)
    assert response.status_code == 400, response.content
    return str(response.json()["message"])


class TestQueues:
    def test_from_a_quarter_of_an_hour_ago_until_tomorrow(
        self, client: Client, billing: ConfiguredService, sales: ConfiguredService
    ) -> None:
        stored(billing, -16)
        first, second, third = stored(billing, -15), stored(billing, 0, state=State.COMPLETED), stored(billing, 1440)
        stored(billing, 1441)

        assert queues(client) == {"billing": [first, second, third], "sales": []}

    def test_the_records_are_those_of_other_queries(self, client: Client, billing: ConfiguredService) -> None:
        callback = stored(billing)

        with at(NOW):
            answer = client.get(QUEUES).json()

        assert answer == {"billing": client.get("/genesys/1/service/callback", {"_id": callback}).json()}

    def test_of_named_services(self, client: Client, billing: ConfiguredService, sales: ConfiguredService) -> None:
        make_service("other")
        first, second = stored(billing), stored(sales)

        assert queues(client, target="billing") == {"billing": [first]}
        assert queues(client, target="sales,billing") == {"billing": [first], "sales": [second]}
        with at(NOW):
            twice = client.generic("GET", QUEUES, QUERY_STRING="target=sales&target=other").json()
        assert list(twice) == ["other", "sales"]
        for name in ("nobody", "billing,nobody"):
            response = client.get(QUEUES, {"target": name})
            assert (response.status_code, response.json()["message"]) == (404, "Service nobody is not configured.")

    def test_within_a_window(self, client: Client, billing: ConfiguredService) -> None:
        early, late = stored(billing, -120), stored(billing, 3000)

        assert queues(client, start_time="2026-07-30T13:00:00.000Z") == {"billing": [early]}
        assert queues(client, end_time="2026-07-30T13:00:00.000Z") == {"billing": [early]}
        # A window that begins later ends later.
        assert queues(client, start_time="2026-08-01T00:00:00.000Z") == {"billing": [late]}
        window = {"start_time": "2026-07-30T13:00:00.000Z", "end_time": "2026-08-01T17:00:00.000Z"}
        assert queues(client, **window) == {"billing": [early, late]}

    def test_in_states(self, client: Client, billing: ConfiguredService) -> None:
        waiting, scheduled = stored(billing), stored(billing, 60, state=State.SCHEDULED)
        over = stored(billing, 1, state=State.COMPLETED)

        assert queues(client, states="QUEUED,SCHEDULED") == {"billing": [waiting, scheduled]}
        assert queues(client, states="COMPLETED") == {"billing": [over]}
        assert queues(client, states="PAUSED") == {"billing": []}

    def test_filters(self, client: Client, billing: ConfiguredService, sales: ConfiguredService) -> None:
        first = stored(billing, properties={"_service_type": "test123"})
        stored(billing, properties={"_service_type": "other"})
        over = stored(sales, state=State.COMPLETED, reason=Reason.CANCELLED)
        message = refusal(client, QUEUES, _service_type="test123")
        assert message == (
            "Invalid option: '_service_type' is neither a parameter nor one of filter-keys in [callback]."
        )
        Section.objects.create(
            name="callback", options={"filter-keys": "_service_type,_callback_state,_callback_reason"}
        )

        assert queues(client, _service_type="test123") == {"billing": [first]}
        assert queues(client, _callback_state="COMPLETED") == {"sales": [over]}
        assert queues(client, _callback_state="!QUEUED", _callback_reason="CANCELLED") == {"sales": [over]}
        assert queues(client, _service_type="test123", target="sales") == {"sales": []}
        assert queues(client, _service_type="nothing") == {}

    def test_the_vendors_filters_are_the_default(self, client: Client, billing: ConfiguredService) -> None:
        callback = stored(billing)

        assert queues(client, _callback_state="QUEUED") == {"billing": [callback]}
        assert queues(client, _vq="Billing_VQ") == {}

    def test_no_more_than_were_asked_for(
        self, client: Client, billing: ConfiguredService, sales: ConfiguredService
    ) -> None:
        first, second = stored(billing, 1), stored(sales, 2)
        stored(billing, 3)

        with at(NOW):
            response = client.get(QUEUES, {"max": "2"})
            all_of_them = client.get(QUEUES, {"max": "3"})

        answer = {name: [record["_id"] for record in records] for name, records in response.json().items()}
        assert answer == {"billing": [first], "sales": [second]}
        assert response[REACHED] == "2"
        assert REACHED not in all_of_them

    def test_a_filter_that_is_looked_for_among_many(self, client: Client, billing: ConfiguredService) -> None:
        for n in range(4):
            stored(billing, n)
        rare = stored(billing, 4, state=State.PAUSED, properties={"_vq": "x"})

        with mock.patch.multiple(queries, MOST_READ=3), at(NOW):
            far = client.get(QUEUES, {"_vq": "x", "max": "1"})
            near = client.get(QUEUES, {"_vq": "x", "max": "1", "states": "PAUSED"})

        assert (far.json(), far[REACHED]) == ({}, "0")
        assert [record["_id"] for record in near.json()["billing"]] == [rare]
        assert REACHED not in near

    @pytest.mark.parametrize(
        ("query", "message"),
        [
            ({"max": "0"}, "max '0' is not a whole number from 1 to 2000"),
            ({"max": "2001"}, "max '2001' is not a whole number from 1 to 2000"),
            ({"states": "QUEUED,LOST"}, "states has 'LOST'; allowed are SCHEDULED, QUEUED, ROUTING, PROCESSING,"),
            ({"start_time": "tomorrow"}, "start_time 'tomorrow' is not a UTC time"),
            (
                {"start_time": "2026-07-30T13:00:00.000Z", "end_time": "2026-07-30T12:59:59.000Z"},
                "end_time 2026-07-30T12:59:59.000Z is before start_time 2026-07-30T13:00:00.000Z",
            ),
            ({"limit": "5"}, "'limit' is neither a parameter nor one of filter-keys"),
        ],
    )
    def test_what_is_refused(
        self, client: Client, billing: ConfiguredService, query: dict[str, str], message: str
    ) -> None:
        assert message in refusal(client, QUEUES, **query)

    def test_only_what_the_key_is_for(self, billing: ConfiguredService, sales: ConfiguredService) -> None:
        stored(billing)
        own = stored(sales)
        limited = client_with(ADMIN, services=(sales,))

        assert queues(limited) == {"sales": [own]}
        assert limited.get(QUEUES, {"target": "billing"}).status_code == 404


class TestWatermarks:
    def test_who_is_queued_or_processed(
        self, client: Client, billing: ConfiguredService, sales: ConfiguredService
    ) -> None:
        for state in State:
            stored(billing, state=state)
        stored(sales, 60, state=State.SCHEDULED)

        assert client.get(WATERMARKS).json() == {"services": {"billing": 4, "sales": 0}, "total": 4}

    def test_of_named_services(self, client: Client, billing: ConfiguredService, sales: ConfiguredService) -> None:
        make_service("other")
        stored(billing)
        stored(sales)

        assert client.get(WATERMARKS, {"service_name": "sales"}).json() == {"services": {"sales": 1}, "total": 1}
        both = client.generic("GET", WATERMARKS, QUERY_STRING="service_name=sales&service_name=other").json()
        assert both == {"services": {"other": 0, "sales": 1}, "total": 1}
        assert client.get(WATERMARKS, {"service_name": "nobody"}).status_code == 404
        assert "'name' is not one of service_name" in refusal(client, WATERMARKS, name="sales")

    def test_a_cancelled_one_is_counted_no_more(self, client: Client, billing: ConfiguredService) -> None:
        callback = client.post("/genesys/1/service/callback/billing", {"_customer_number": "5115"}).json()["_id"]
        assert client.get(WATERMARKS).json()["total"] == 1

        client.delete(f"/genesys/1/service/callback/billing/{callback}")

        assert client.get(WATERMARKS).json() == {"services": {"billing": 0}, "total": 0}

    def test_counting_has_an_end(self, client: Client, billing: ConfiguredService) -> None:
        for _ in range(3):
            stored(billing)

        with mock.patch.object(queries, "MOST_COUNTED", 2):
            response = client.get(WATERMARKS)

        assert (response.json()["total"], response[REACHED]) == (2, "2")
        assert REACHED not in client.get(WATERMARKS)


def cancel(client: Client, *ids: str, **more: Any) -> Any:
    return client.post(f"{ADMINISTRATION}/cancel", {"ids": list(ids), **more}, content_type="application/json")


class TestCancelMany:
    def test_each_has_its_own_outcome(self, client: Client, billing: ConfiguredService) -> None:
        """Three are cancelled, although the first is over and the second is talking."""
        over, talking = stored(billing), stored(billing, state=State.PROCESSING)
        actions.cancel(callback_id=over, actor="test", now=NOW)
        waiting, scheduled, paused = (
            stored(billing),
            stored(billing, state=State.SCHEDULED),
            stored(billing, state=State.PAUSED),
        )

        response = cancel(client, over, talking, waiting, "369-unknown", scheduled, paused, reason="CANCELLED_BY_ADMIN")

        assert response.status_code == 200
        assert [(each["_id"], each["_ok_title"], each["_text"]) for each in response.json()] == [
            (over, "FAILURE_MISSING", "Callback is COMPLETED and cannot be cancelled"),
            (talking, "FAILURE_MISSING", "Callback is PROCESSING and cannot be cancelled"),
            (waiting, "Ok", "The callback has been cancelled"),
            ("369-unknown", "FAILURE_MISSING", "The callback is not found."),
            (scheduled, "Ok", "The callback has been cancelled"),
            (paused, "Ok", "The callback has been cancelled"),
        ]
        ended = Callback.objects.filter(reason=Reason.CANCELLED_BY_ADMIN).values_list("pk", flat=True)
        assert set(ended) == {waiting, scheduled, paused}
        line = JournalEntry.objects.filter(callback=waiting, kind="ended").get()
        assert (line.actor, line.text) == ("API key mobile app", "Cancelled by API key mobile app.")

    def test_the_text_is_the_vendors_report(self, client: Client, billing: ConfiguredService) -> None:
        text = cancel(client, stored(billing), stored(billing), "369-unknown").content.decode()

        assert text.count('"_ok_title": "Ok"') == 2
        assert text.count('"_ok_title": "FAILURE_MISSING"') == 1

    def test_what_fails_for_one_is_nothing_to_the_others(self, client: Client, billing: ConfiguredService) -> None:
        held, broken, fine = stored(billing), stored(billing), stored(billing)
        real = actions.cancel

        def refusing(*, callback_id: str, **more: Any) -> Callback:
            if callback_id == held:
                raise actions.Busy
            if callback_id == broken:
                raise RuntimeError
            return real(callback_id=callback_id, **more)

        with mock.patch.object(actions, "cancel", refusing):
            response = cancel(client, held, broken, fine)

        assert [each["_ok_title"] for each in response.json()] == ["FAILURE_MISSING", "FAILURE_MISSING", "Ok"]
        assert response.json()[0]["_text"] == "The callback is being changed by others; try again."
        states = dict(Callback.objects.values_list("pk", "state"))
        assert states == {held: "QUEUED", broken: "QUEUED", fine: "COMPLETED"}

    def test_the_reason_is_the_callers(self, client: Client, billing: ConfiguredService) -> None:
        plain, by_admin = stored(billing), stored(billing)
        cancel(client, plain, reason="CANCELLED")
        cancel(client, by_admin)

        assert dict(Callback.objects.values_list("pk", "reason")) == {
            plain: "CANCELLED",
            by_admin: "CANCELLED_BY_ADMIN",
        }

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"reason": "CANCELLED"}, "ids has 0 ids; from 1 to 500 are allowed"),
            ({"ids": []}, "ids has 0 ids; from 1 to 500 are allowed"),
            ({"ids": [f"369-{n}" for n in range(501)]}, "ids has 501 ids; from 1 to 500 are allowed"),
            ({"ids": "KNOWN"}, "The value of 'ids' is not an array of texts."),
            ({"ids": [1]}, "The value of 'ids' is not an array of texts."),
            ({"ids": ["KNOWN"], "reason": "AGENT_CONNECTED"}, "reason 'AGENT_CONNECTED' is not one of CANCELLED_BY_"),
            ({"ids": ["KNOWN"], "reasons": "CANCELLED"}, "'reasons' is not one of reason"),
            ({"ids": ["KNOWN"], "reason": ["CANCELLED"]}, "The value of 'reason' is an object or an array"),
            ({"ids": ["\x00"]}, "A text of 'ids' has a NUL character."),
            ([], "The body must be one JSON object."),
        ],
    )
    def test_what_is_refused_cancels_nobody(
        self, client: Client, billing: ConfiguredService, body: Any, message: str
    ) -> None:
        known = stored(billing)
        if isinstance(body, dict) and body.get("ids") in (["KNOWN"], "KNOWN"):
            body = {**body, "ids": [known] if isinstance(body["ids"], list) else known}

        response = client.post(f"{ADMINISTRATION}/cancel", body, content_type="application/json")

        # Of a number, JSON's texts are not told apart: it is no id of anybody.
        if body == {"ids": [1]}:
            assert [each["_ok_title"] for each in response.json()] == ["FAILURE_MISSING"]
        else:
            assert response.status_code == 400, response.content
            assert message in response.json()["message"]
        assert Callback.objects.get().state == "QUEUED"

    def test_a_form_is_refused(self, client: Client, billing: ConfiguredService) -> None:
        response = client.post(f"{ADMINISTRATION}/cancel", {"ids": stored(billing)})

        assert response.status_code == 415
        assert Callback.objects.get().state == "QUEUED"

    def test_of_the_keys_own_services_only(self, billing: ConfiguredService, sales: ConfiguredService) -> None:
        foreign, own = stored(billing), stored(sales)

        response = cancel(client_with(ADMIN, services=(sales,)), foreign, own)

        assert [each["_text"] for each in response.json()] == [
            "The callback is not found.",
            "The callback has been cancelled",
        ]
        assert Callback.objects.get(pk=foreign).state == "QUEUED"


def report(client: Client, **body: Any) -> Any:
    return client.post(f"{ADMINISTRATION}/reportcancelled", body, content_type="application/json")


def rows(response: Any) -> list[list[str]]:
    assert response.status_code == 200, response.content
    return list(csv.reader(io.StringIO(response.content.decode())))


class TestReportCancelled:
    def test_a_title_line_and_a_line_for_each(self, client: Client, billing: ConfiguredService) -> None:
        cancelled = [stored(billing), stored(billing)]
        cancel(client, *cancelled)
        stored(billing, state=State.COMPLETED, reason=Reason.CANCELLED)
        stored(billing)

        response = report(client, callback_reason="CANCELLED_BY_ADMIN", exported_properties=["_service_id"])

        title, *lines = rows(response)
        assert title == ["_service_id"]
        assert sorted(lines) == sorted([callback] for callback in cancelled)
        assert response["Content-Type"] == "text/csv; charset=utf-8"
        assert response["Content-Disposition"] == 'attachment; filename="CancelledCallbacks.csv"'
        assert response["Cache-Control"] == "no-cache, no-store"
        assert REACHED not in response

    def test_what_is_exported(self, client: Client, billing: ConfiguredService) -> None:
        callback = stored(
            billing,
            minutes=5,
            state=State.COMPLETED,
            reason=Reason.CANCELLED_SERVED,
            user_data={"first_name": "Ada, the first"},
            properties={"_device_os": "comet"},
        )
        columns = ["_id", "_service_name", "_customer_number", "_callback_state", "_callback_reason", "_desired_time"]
        columns += ["_expiration_time", "first_name", "_device_os", "unknown"]

        response = report(client, callback_reason="CANCELLED_SERVED", exported_properties=columns)

        assert rows(response)[1] == [
            callback,
            "billing",
            "916504661232",
            "COMPLETED",
            "CANCELLED_SERVED",
            "2026-07-30T15:05:00.000Z",
            "2026-07-31T15:05:00.000Z",
            "Ada, the first",
            "comet",
            "",
        ]

    @pytest.mark.parametrize("text", ["=1+1", "+49301234", "-1", "@SUM(A1)", "\t=1", "\r=1"])
    def test_no_text_becomes_a_formula(self, client: Client, billing: ConfiguredService, text: str) -> None:
        stored(
            billing, state=State.COMPLETED, reason=Reason.CANCELLED_BY_ADMIN, user_data={"name": text, "plain": "a=1"}
        )

        title, line = rows(report(client, exported_properties=["name", "plain", "=cmd()"]))

        assert title == ["name", "plain", "'=cmd()"]
        assert line == [f"'{text}", "a=1", ""]

    def test_no_more_than_so_many(self, client: Client, billing: ConfiguredService) -> None:
        for n in range(3):
            CallbackFactory.create(
                id=f"369-{n}",
                service=billing,
                created_at=NOW + timedelta(minutes=n),
                state=State.COMPLETED,
                reason=Reason.CANCELLED_BY_ADMIN,
            )

        with mock.patch.object(admin_views, "MOST_EXPORTED", 2):
            response = report(client)

        assert rows(response) == [["_service_id"], ["369-2"], ["369-1"]]
        assert response[REACHED] == "2"

    @pytest.mark.parametrize(
        ("body", "message"),
        [
            ({"callback_reason": "AGENT_CONNECTED"}, "callback_reason 'AGENT_CONNECTED' is not one of CANCELLED_BY_"),
            ({"exported_properties": [str(n) for n in range(51)]}, "exported_properties has 51 keys; at most 50 are"),
            ({"exported_properties": "_id"}, "The value of 'exported_properties' is not an array of texts."),
            ({"reason": "CANCELLED"}, "'reason' is not one of callback_reason"),
        ],
    )
    def test_what_is_refused(self, client: Client, db: None, body: dict[str, Any], message: str) -> None:
        response = report(client, **body)

        assert response.status_code == 400
        assert message in response.json()["message"]

    def test_an_error_is_no_csv(self, client: Client, db: None) -> None:
        response = report(client, exported_properties="_id")

        assert response["Content-Type"] == "application/json;charset=UTF-8"
        assert "Content-Disposition" not in response


def test_both_can_be_disabled(client: Client, billing: ConfiguredService) -> None:
    callback = stored(billing)
    key = "disable-bulk-cancel-and-export-callback"
    lab = Section.objects.create(name="lab", options={key: "true"})

    for response in (cancel(client, callback), report(client)):
        assert response.status_code == 403
        assert response.json() == {
            "exception": "java.rmi.AccessException",
            "message": f"Disabled by the option {key} in the section [lab].",
        }
    assert Callback.objects.get().state == "QUEUED"

    lab.options = {key: "false"}
    lab.save()
    assert cancel(client, callback).json()[0]["_ok_title"] == "Ok"


def test_an_unknown_administration_request(client: Client, db: None) -> None:
    response = client.get(f"{ADMINISTRATION}/everything")

    assert (response.status_code, response.json()["exception"]) == (404, "com.genesyslab.gsg.GSGException")


@pytest.mark.parametrize("scopes", [(START,), (QUERY,), (START, QUERY)])
def test_other_scopes_may_not(billing: ConfiguredService, scopes: tuple[str, ...]) -> None:
    callback = stored(billing)
    client = client_with(*scopes)

    for response in (client.get(QUEUES), client.get(WATERMARKS), cancel(client, callback), report(client)):
        assert response.status_code == 403
    assert Callback.objects.get().state == "QUEUED"


def test_the_schema_says_the_same_limits() -> None:
    for name in ("MOST_OF_QUEUES", "MOST_CANCELLED", "MOST_EXPORTED", "MOST_COLUMNS"):
        assert getattr(schema_admin, name) == getattr(admin_views, name), name


def test_the_family_of_what_is_refused(client: Client, db: None) -> None:
    assert client.get(QUEUES, {"max": "0"}).json()["exception"] == f"{FAMILY}InvalidOption"
