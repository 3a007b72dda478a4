"""One customer's data by number: all of it given out, all of it deleted, nobody else's touched, and written down."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.conf import settings as project
from django.contrib.auth.models import Permission
from django.core.management import CommandError, call_command
from django.db import connection
from django.test import Client
from django.urls import reverse

from callbacks import actions, privacy, storage
from callbacks.flow.states import State
from callbacks.models import Callback
from callbacks.personal_data import HELD, NONE
from callbacks.privacy import Deleted, NoNumber, StillLive, subject
from callbacks.privacy_models import CustomerDataRequest
from callbacks.push.models import CometSubscription
from callbacks.status.models import StatusNotice
from telephony import brake
from telephony.models import AccessBooking, BlockedNumber, NumberDials
from tests.factories import (
    NOON,
    AgentFactory,
    AttemptFactory,
    CallbackFactory,
    JournalEntryFactory,
    ServiceFactory,
    UserFactory,
    supervisor,
)

pytestmark = pytest.mark.django_db

ADA, BOB = "+49 30 123456", "+49 30 654321"
TOMORROW = NOON + timedelta(days=1)
ASK = "admin:callbacks_customerdatarequest_ask"
PAGE = Path(project.BASE_DIR) / "docs" / "personal-data.md"


def completed(number: str, **fields: Any) -> Callback:
    return CallbackFactory.create(
        **{
            "state": State.COMPLETED,
            "customer_number": number,
            "created_at": NOON,
            **fields,
        }
    )


@pytest.fixture
def ada() -> Callback:
    """Ada was called; what is stored of her stands in every table that outlives a call."""
    callback = completed(
        ADA,
        user_data={"name": "Ada Lovelace"},
        properties={"_customer_number": ADA, "_device_notification_id": "adas-phone", "_device_os": "comet"},
    )
    JournalEntryFactory.create(callback=callback, text="Ada Lovelace asked for a call.")
    AttemptFactory.create(callback=callback, detail="Nobody answered at +4930123456.")
    storage.write_of_callback(callback.pk, {"note": "Ada Lovelace"}, now=NOON)
    storage.create(
        client="key 1", values={"phone": "+49-30-123456", "who": "Ada Lovelace"}, expires_at=TOMORROW, now=NOON
    )
    CometSubscription.objects.create(client="c1", user="adas-phone", expires_at=NOON)
    notice = {"service_name": "x", "event": "_cbe_on_dial_init", "receiver": "r", "target": "t", "made_at": NOON}
    due = {"give_up_at": NOON, "due_at": NOON}
    StatusNotice.objects.create(callback=callback.pk, body='{"name": "Ada Lovelace"}', **notice, **due)
    # Of a callback that is gone by now.
    StatusNotice.objects.create(
        callback="369-gone", body=json.dumps({"data": {"_customer_number": ADA}}), **notice, **due
    )
    AccessBooking.objects.create(owner="widget", group="g", number="5000", phone_number="+4930123456", expires_at=NOON)
    NumberDials.objects.create(number=brake.counted_as(ADA, ""), dialled=[NOON], last_at=NOON)
    return callback


def tables_with(text: str) -> set[str]:
    """The tables of the database in which a row says this."""
    found = set()
    with connection.cursor() as cursor:
        for table in connection.introspection.table_names(cursor):
            has = f"SELECT EXISTS (SELECT FROM {table} AS each WHERE each::text LIKE %s)"  # noqa: S608 (names of ours)
            cursor.execute(has, [f"%{text}%"])
            if cursor.fetchone()[0]:
                found.add(table)
    return found


class TestWhichTables:
    def test_each_table_is_known_to_hold_data_of_customers_or_none(self) -> None:
        tables = {model._meta.label for model in apps.get_models()}
        assert not HELD.keys() & NONE.keys()
        assert HELD.keys() | NONE.keys() == tables

    @pytest.mark.parametrize(("heading", "listed"), [("Tables with them", HELD), ("Tables without them", NONE)])
    def test_the_page_prints_them(self, heading: str, listed: dict[str, str]) -> None:
        below = PAGE.read_text().partition(f"\n## {heading}\n")[2].partition("\n## ")[0]
        rows = [line.strip("| ").split(" | ") for line in below.splitlines() if line.startswith("| `")]
        assert {name.strip("`"): what for name, what in rows} == listed


class TestExport:
    def test_everything_is_given_out(self, ada: Callback) -> None:
        BlockedNumber.objects.create(number="+4930123456", reason="asked for it")
        completed(BOB, user_data={"name": "Bob"})
        text = privacy.export(subject(ADA), by="root", now=NOON)
        given = json.loads(text)
        assert (given["number"], given["exported_at"]) == (ADA, "2026-03-02T12:00:00Z")
        [callback] = given["callbacks"]
        assert callback["id"] == ada.pk
        assert callback["user_data"] == {"name": "Ada Lovelace"}
        assert [entry["text"] for entry in callback["journal"]] == ["Ada Lovelace asked for a call."]
        assert [attempt["detail"] for attempt in callback["attempts"]] == ["Nobody answered at +4930123456."]
        assert [value["text"] for area in callback["stored"] for value in area["values"]] == ["Ada Lovelace"]
        assert [value["text"] for area in given["stored"] for value in area["values"]] == [
            "+49-30-123456",
            "Ada Lovelace",
        ]
        assert [notice["callback"] for notice in given["status_notifications"]] == [ada.pk, "369-gone"]
        assert [each["client"] for each in given["comet_subscriptions"]] == ["c1"]
        assert [each["owner"] for each in given["access_numbers"]] == ["widget"]
        assert [each["dialled"] for each in given["dialled"]] == [["2026-03-02T12:00:00Z"]]
        assert [each["reason"] for each in given["block_list"]] == ["asked for it"]
        assert "Bob" not in text

    def test_a_file_comes_as_text(self, ada: Callback) -> None:
        storage.write_of_callback(
            ada.pk, {"photo": storage.File(name="a.bin", content_type="image/png", content=b"\x00\xff")}, now=NOON
        )
        given = json.loads(privacy.export(subject(ADA), by="root", now=NOON))
        [file] = [value for value in given["callbacks"][0]["stored"][0]["values"] if value["key"] == "photo"]
        assert file["content"] == "AP8="

    def test_it_is_written_down_without_the_number(self, ada: Callback) -> None:
        privacy.export(subject(ADA), by="root", now=NOON)
        [row] = CustomerDataRequest.objects.all()
        assert (row.kind, row.at, row.by, row.masked_number, row.callbacks) == ("export", NOON, "root", "+49 ***56", 1)
        assert row.digest == subject("0049 30 123456", "DE").digest
        assert row.digest != subject(BOB).digest
        assert "callbacks_customerdatarequest" not in tables_with("123456")


class TestDeletion:
    def test_nothing_of_it_is_left_anywhere(self, ada: Callback) -> None:
        completed(BOB, user_data={"name": "Bob"})
        assert tables_with("Ada Lovelace")
        assert tables_with("123456")
        assert privacy.delete(subject(ADA), by="root", now=NOON) == Deleted(callbacks=1, cancelled=0, others=6)
        assert tables_with("Ada Lovelace") == set()
        assert tables_with("123456") == set()
        assert tables_with("adas-phone") == set()
        assert not NumberDials.objects.exists()
        assert [callback.user_data for callback in Callback.objects.all()] == [{"name": "Bob"}]
        [row] = CustomerDataRequest.objects.all()
        assert (row.kind, row.by, row.callbacks, row.cancelled, row.others) == ("delete", "root", 1, 0, 6)
        assert row.digest == subject(ADA).digest

    def test_what_keeps_the_number_from_being_called_stays(self, ada: Callback) -> None:
        BlockedNumber.objects.create(number="+4930123456", reason="asked for it")
        privacy.delete(subject(ADA), by="root", now=NOON)
        assert tables_with("123456") == {"telephony_blockednumber"}

    def test_a_number_however_it_is_written(self) -> None:
        german, austrian = ServiceFactory.create(name="de"), ServiceFactory.create(name="at")
        for service, country in ((german, "DE"), (austrian, "AT")):
            service.options["_default_country"] = country
            service.save()
        for number in ("0512 123456", "+49512123456", "0049-512-123456"):
            completed(number, service=german)
        # The same digits somewhere else are somebody else.
        other = completed("0512 123456", service=austrian)
        longer = completed("+49 512 0123456", service=german)
        assert len(privacy.find(subject("+49 512 123456")).callbacks) == 3
        assert len(privacy.find(subject("0512 123456", "de")).callbacks) == 3
        # Whose it is cannot be told without a country.
        assert privacy.find(subject("0512 123456")).callbacks == ()
        privacy.delete(subject("+49 512 123456"), by="root", now=NOON)
        assert set(Callback.objects.all()) == {other, longer}

    def test_where_the_service_is_gone_the_country_asked_for_counts(self) -> None:
        completed("0512123456", service=None, service_name="gone")
        assert len(privacy.find(subject("+49512123456", "DE")).callbacks) == 1
        assert len(privacy.find(subject("+49512123456", "AT")).callbacks) == 0

    def test_a_parked_notification_of_a_callback_that_is_gone_however_it_writes_the_number(self) -> None:
        for name, country in (("de", "DE"), ("at", "AT")):
            service = ServiceFactory.create(name=name)
            service.options["_default_country"] = country
            service.save()
        rest = {"event": "_cbe_on_callback_queued", "receiver": "r", "target": "t", "made_at": NOON, "give_up_at": NOON}
        said = [("de", "0512123456"), ("de", "0049512123456"), ("at", "0512123456"), ("de", "0512123457")]
        for name, number in said:
            body = json.dumps({"type": "_cbe_on_callback_queued", "data": {"_customer_number": number}})
            StatusNotice.objects.create(callback="369-gone", service_name=name, body=body, due_at=NOON, **rest)
        assert json.loads(privacy.export(subject("+49512123456"), by="root", now=NOON))["status_notifications"]
        assert privacy.delete(subject("+49512123456"), by="root", now=NOON).others == 2
        # The same digits somewhere else are somebody else.
        left = StatusNotice.objects.order_by("pk").values_list("service_name", "body")
        assert [(name, json.loads(body)["data"]["_customer_number"]) for name, body in left] == said[2:]

    def test_a_number_that_is_none_is_found_as_it_was_given(self) -> None:
        mine, other = completed("5115"), completed("15115")
        assert privacy.find(subject("5115")).callbacks == (mine.pk,)
        privacy.delete(subject("51-15"), by="root", now=NOON)
        assert list(Callback.objects.all()) == [other]

    @pytest.mark.parametrize("text", ["", "  ", "Ada", "+", "1" * 65])
    def test_what_is_no_number_is_not_looked_for(self, text: str) -> None:
        with pytest.raises(NoNumber):
            subject(text)

    def test_what_is_not_over_is_not_deleted(self, ada: Callback) -> None:
        waiting = CallbackFactory.create(state=State.SCHEDULED, customer_number=ADA)
        before = tables_with("Ada Lovelace")
        with pytest.raises(StillLive) as refused:
            privacy.delete(subject(ADA), by="root", now=NOON)
        assert refused.value.callbacks == [waiting.pk]
        assert tables_with("Ada Lovelace") == before
        assert Callback.objects.count() == 2
        assert not CustomerDataRequest.objects.exists()

    def test_it_is_cancelled_first_where_that_is_wanted(self, ada: Callback) -> None:
        CallbackFactory.create(state=State.SCHEDULED, customer_number=ADA, expires_at=TOMORROW)
        deleted = privacy.delete(subject(ADA), by="root", now=NOON, cancel=True)
        assert (deleted.callbacks, deleted.cancelled) == (2, 1)
        assert not Callback.objects.exists()

    def test_who_is_talking_is_not_cut_off(self, ada: Callback) -> None:
        talking = CallbackFactory.create(state=State.PROCESSING, customer_number=ADA)
        with pytest.raises(StillLive) as refused:
            privacy.delete(subject(ADA), by="root", now=NOON, cancel=True)
        assert refused.value.callbacks == [talking.pk]
        assert Callback.objects.count() == 2

    def test_an_agent_who_is_still_reserved_keeps_it(self, ada: Callback) -> None:
        AgentFactory.create(name="kate", reserved_for=ada.pk, reservation="r", state="reserved", reserved_until=NOON)
        with pytest.raises(StillLive):
            privacy.delete(subject(ADA), by="root", now=NOON, cancel=True)

    def test_whoever_cancels_meanwhile_is_waited_for(self, ada: Callback, monkeypatch: pytest.MonkeyPatch) -> None:
        CallbackFactory.create(state=State.SCHEDULED, customer_number=ADA)

        def busy(**_: Any) -> None:
            raise actions.Busy

        monkeypatch.setattr(actions, "cancel", busy)
        with pytest.raises(privacy.Busy):
            privacy.delete(subject(ADA), by="root", now=NOON, cancel=True)
        assert Callback.objects.count() == 2


class TestTheCommand:
    def test_it_prints_and_deletes(self, ada: Callback, capsys: pytest.CaptureFixture[str]) -> None:
        call_command("customer_data", "export", "030 123456", "--country=DE", "--by=Eve")
        assert json.loads(capsys.readouterr().out)["callbacks"][0]["id"] == ada.pk
        call_command("customer_data", "delete", ADA, "--by=Eve")
        assert capsys.readouterr().out == "Deleted: 1 callbacks (0 of them cancelled for it), 6 other rows.\n"
        assert list(CustomerDataRequest.objects.values_list("kind", "by")) == [
            ("delete", "Eve"),
            ("export", "Eve"),
        ] or (set(CustomerDataRequest.objects.values_list("kind", "by")) == {("delete", "Eve"), ("export", "Eve")})

    def test_it_says_what_is_in_the_way(self) -> None:
        waiting = CallbackFactory.create(state=State.SCHEDULED, customer_number=ADA)
        with pytest.raises(CommandError, match=f"Not over yet: {waiting.pk}. Cancel them first, or give --cancel"):
            call_command("customer_data", "delete", ADA)
        with pytest.raises(CommandError, match="Give a telephone number"):
            call_command("customer_data", "export", "Ada")


class TestThePage:
    @pytest.fixture
    def root(self, client: Client) -> Client:
        client.force_login(UserFactory.create(username="root", is_staff=True, is_superuser=True))
        return client

    def test_look_then_export(self, root: Client, ada: Callback) -> None:
        listed = root.get(reverse("admin:callbacks_customerdatarequest_changelist")).content.decode()
        assert reverse(ASK) in listed
        page = root.post(reverse(ASK), {"number": ADA, "act": "look"}).content.decode()
        assert "<strong>1</strong> callback of this number." in page
        answer = root.post(reverse(ASK), {"number": ADA, "act": "export"})
        assert answer["Content-Type"] == "application/json"
        assert answer["Content-Disposition"] == 'attachment; filename="customer-data.json"'
        assert "no-store" in answer["Cache-Control"]
        assert answer.json()["callbacks"][0]["id"] == ada.pk
        listed = root.get(reverse("admin:callbacks_customerdatarequest_changelist")).content.decode()
        assert "+49 ***56" in listed
        assert "123456" not in listed

    def test_delete_has_to_be_confirmed(self, root: Client, ada: Callback) -> None:
        answer = root.post(reverse(ASK), {"number": ADA, "act": "delete"})
        assert answer.status_code == 422
        assert "confirm that it cannot be undone" in answer.content.decode()
        assert Callback.objects.exists()
        answer = root.post(reverse(ASK), {"number": ADA, "act": "delete", "confirm": "1"})
        assert "Deleted: 1 callbacks and 6 other rows." in answer.content.decode()
        assert not Callback.objects.exists()
        assert CustomerDataRequest.objects.get().by == "root"

    def test_it_offers_to_cancel(self, root: Client) -> None:
        CallbackFactory.create(state=State.SCHEDULED, customer_number=ADA)
        page = root.post(reverse(ASK), {"number": ADA, "act": "look"}).content.decode()
        assert 'name="cancel"' in page
        refused = root.post(reverse(ASK), {"number": ADA, "act": "delete", "confirm": "1"})
        assert "because these callbacks are not over" in refused.content.decode()
        assert Callback.objects.exists()
        root.post(reverse(ASK), {"number": ADA, "act": "delete", "confirm": "1", "cancel": "1"})
        assert not Callback.objects.exists()

    def test_it_says_what_is_allowed(self, root: Client) -> None:
        page = root.post(reverse(ASK), {"number": "Ada", "country": "ZZ", "act": "look"})
        assert page.status_code == 422
        assert "the two letters of a country in ISO 3166" in page.content.decode()
        page = root.post(reverse(ASK), {"number": "Ada", "act": "look"})
        assert "That is no telephone number: it has no digits." in page.content.decode()

    def test_only_who_may(self, client: Client, ada: Callback) -> None:
        asked = {"number": ADA, "act": "export"}
        assert client.post(reverse(ASK), asked).status_code == 302
        sue = supervisor(is_staff=True)
        client.force_login(sue)
        assert client.post(reverse(ASK), asked).status_code == 403
        sue.user_permissions.add(Permission.objects.get(codename="add_customerdatarequest"))
        assert client.post(reverse(ASK), asked).status_code == 200
        strict = Client(enforce_csrf_checks=True)
        strict.force_login(sue)
        assert strict.post(reverse(ASK), {**asked, "act": "delete", "confirm": "1"}).status_code == 403
        assert Callback.objects.exists()
