"""The block list: which numbers are not called, until when, and who may say so."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.contrib.auth.models import User
from django.db import IntegrityError, connection, transaction
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.urls import reverse
from django.utils import timezone

from telephony.blocklist import blocking
from telephony.models import BlockedNumber
from tests.factories import UserFactory, supervisor

pytestmark = pytest.mark.django_db

NOW = datetime(2026, 6, 10, 12, 0, tzinfo=UTC)
LIST = "admin:telephony_blockednumber_changelist"
ADD = "admin:telephony_blockednumber_add"


def block(number: str, **fields: Any) -> BlockedNumber:
    return BlockedNumber.objects.create(**{"number": number, "reason": "asked not to be called", **fields})


def found(number: str, country: str = "", now: datetime = NOW) -> BlockedNumber | None:
    return blocking(number, country=country, now=now)


class TestWhatIsBlocked:
    def test_a_number_however_it_is_written(self) -> None:
        berlin = block("+4930123456")
        for number, country in (
            ("+4930123456", ""),
            ("+49 30 123456", ""),
            ("030 123456", "DE"),
            ("004930123456", "DE"),
        ):
            assert found(number, country) == berlin
        for number, country in (("+4930123457", ""), ("+493012345", ""), ("+49301234567", ""), ("030 123456", "AT")):
            assert found(number, country) is None

    def test_a_number_as_it_is_dialled_within_the_country(self) -> None:
        berlin = block("030123456")
        assert found("030 123456") == berlin
        assert found("+49 30 123456", "DE") == berlin
        assert found("+49 30 123456") is None

    def test_a_number_that_is_none(self) -> None:
        sample = block("5115")
        assert found("5115") == sample
        assert found("5115", "US") == sample
        assert found("") is None
        assert found("sip:ada@example.org") is None

    def test_all_that_begin_so(self) -> None:
        premium = block("+49900", is_prefix=True)
        assert found("+49 900 1 234567") == premium
        assert found("0900 1 234567", "DE") == premium
        assert found("+49900") == premium
        assert found("+4990") is None
        assert found("+49 89 900900") is None

    def test_a_number_alone_does_not_block_those_that_begin_so(self) -> None:
        block("+4930")
        assert found("+4930123456") is None

    def test_until_when(self) -> None:
        entry = block("+4930123456", until=NOW + timedelta(hours=1))
        assert found("+4930123456") == entry
        assert found("+4930123456", now=NOW + timedelta(minutes=59, seconds=59)) == entry
        assert found("+4930123456", now=NOW + timedelta(hours=1)) is None

    def test_the_one_that_lasts_longest_is_named(self) -> None:
        block("+4930123456", until=NOW + timedelta(hours=1))
        week = block("+4930", is_prefix=True, until=NOW + timedelta(days=7))
        block("+49", is_prefix=True, until=NOW - timedelta(days=1))
        assert found("+4930123456") == week
        ever = block("+4930123456")
        assert found("+4930123456") == ever

    def test_one_statement_that_looks_into_the_index(self) -> None:
        BlockedNumber.objects.bulk_create(
            BlockedNumber(number=f"+4930{n:07}", reason="test", is_prefix=n % 2 == 0) for n in range(5000)
        )
        with connection.cursor() as cursor:
            cursor.execute("ANALYZE telephony_blockednumber")
        with CaptureQueriesContext(connection) as queries:
            assert str(found("+49300004999")) == "+493***99"
        assert len(queries) == 1
        with connection.cursor() as cursor:
            cursor.execute("EXPLAIN " + queries[0]["sql"])
            plan = "\n".join(row[0] for row in cursor.fetchall())
        assert "blocked_number" in plan
        assert "Seq Scan" not in plan

    @pytest.mark.parametrize("fields", [{"number": "+49 30"}, {"number": "+"}, {"number": ""}, {"reason": ""}])
    def test_what_would_block_nobody_cannot_be_stored(self, fields: dict[str, str]) -> None:
        with pytest.raises(IntegrityError), transaction.atomic():
            block(**{"number": "+4930123456", **fields})

    def test_a_number_is_masked_where_it_is_only_named(self) -> None:
        assert str(block("+4930123456")) == "+493***56"
        assert str(block("5115")) == "***15"
        assert str(block("+49900", is_prefix=True)) == "+49900*"


class TestThePage:
    @pytest.fixture
    def sue(self, client: Client) -> User:
        """A supervisor."""
        sue = supervisor(username="sue", is_staff=True)
        client.force_login(sue)
        return sue

    @pytest.fixture
    def anna(self, client: Client) -> User:
        """An administrator."""
        anna = UserFactory.create(username="anna", is_staff=True, is_superuser=True)
        client.force_login(anna)
        return anna

    def add(self, client: Client, **fields: str) -> Any:
        data = {"number": "+49 (30) 12 34-56", "reason": "asked not to be called", "until_0": "", "until_1": ""}
        return client.post(reverse(ADD), data | fields)

    def errors(self, response: Any) -> dict[str, list[str]]:
        assert response.status_code == 200
        return {name: list(map(str, errors)) for name, errors in response.context["adminform"].form.errors.items()}

    def test_a_supervisor_blocks_a_number(self, client: Client, sue: User) -> None:
        before = timezone.now()
        response = self.add(client)
        assert response.status_code == 302
        entry = BlockedNumber.objects.get()
        assert (entry.number, entry.is_prefix, entry.until) == ("+4930123456", False, None)
        assert (entry.reason, entry.created_by) == ("asked not to be called", "sue")
        assert before <= entry.created_at <= timezone.now()
        assert list(LogEntry.objects.values_list("user__username", "object_repr")) == [("sue", "+493***56")]

    @pytest.mark.parametrize("fields", [{"number": "+49 900*"}, {"number": "+49900", "is_prefix": "on"}])
    def test_or_all_that_begin_so(self, client: Client, sue: User, fields: dict[str, str]) -> None:
        assert self.add(client, **fields).status_code == 302
        entry = BlockedNumber.objects.get()
        assert (entry.number, entry.is_prefix) == ("+49900", True)

    @pytest.mark.parametrize("number", ["*", "+*", "+49*30", "030 abc", "+", "1" * 32])
    def test_what_is_no_number_is_refused(self, client: Client, sue: User, number: str) -> None:
        assert self.errors(self.add(client, number=number)) == {
            "number": [
                "This is no telephone number. Allowed are 1 to 31 digits, a + before them and a * after them; spaces "
                "and the signs - . / ( ) between them are left out."
            ]
        }
        assert not BlockedNumber.objects.exists()

    def test_why_is_asked_and_the_end_lies_ahead(self, client: Client, sue: User) -> None:
        refused = self.errors(self.add(client, reason=" ", until_0="2020-01-01", until_1="00:00"))
        assert refused == {
            "reason": ["This field is required."],
            "until": ["This moment is over: choose one that lies ahead, or leave it empty."],
        }
        assert not BlockedNumber.objects.exists()

    def test_what_is_blocked_already_is_not_blocked_twice(self, client: Client, sue: User) -> None:
        block("+4930123456", until=timezone.now() - timedelta(days=1))
        assert self.add(client).status_code == 302
        assert self.errors(self.add(client)) == {
            "number": ["+493***56 is blocked already, by sue: asked not to be called"]
        }
        assert self.add(client, number="+4930123456*").status_code == 302
        assert BlockedNumber.objects.count() == 3

    def test_a_supervisor_looks_and_changes_nothing(self, client: Client, sue: User) -> None:
        entry = block("+4930123456", created_by="sam")
        url = reverse("admin:telephony_blockednumber_change", args=[entry.pk])
        page = client.get(url)
        assert page.status_code == 200
        assert "+4930123456" in page.content.decode()
        assert client.post(url, {"reason": "changed"}).status_code == 403
        assert client.post(reverse("admin:telephony_blockednumber_delete", args=[entry.pk])).status_code == 403
        client.post(reverse(LIST), {"action": "unblock", "_selected_action": [entry.pk]})
        assert blocking("+4930123456", country="", now=timezone.now()) == entry

    def test_the_list_shows_no_number_in_full_and_what_is_over(self, client: Client, sue: User) -> None:
        block("+4930123456", until=timezone.now() - timedelta(days=1), reason="was rude")
        block("+4930999999")
        block("+49900", is_prefix=True, until=timezone.now() + timedelta(days=1))
        text = client.get(reverse(LIST)).content.decode()
        assert "123456" not in text
        assert "999999" not in text
        assert "+493***56" in text
        assert "+49900*" in text
        assert text.count('field-state">expired<') == 1
        assert text.count('field-state">blocked<') == 2

    @pytest.mark.parametrize(
        ("asked", "expected"),
        [
            ({"q": "+49 30 123456"}, {"+493***56", "+49*"}),
            ({"q": "+49*"}, {"+49*"}),
            ({"q": "+4930"}, {"+49*"}),
            ({"q": "rude"}, {"+493***56"}),
            ({"q": "SAM"}, {"+165***32"}),
            ({"state": "blocked"}, {"+49*", "+165***32"}),
            ({"state": "expired"}, {"+493***56"}),
            ({"q": "+49 30 123456", "state": "blocked"}, {"+49*"}),
        ],
    )
    def test_searching(self, client: Client, sue: User, asked: dict[str, str], expected: set[str]) -> None:
        block("+4930123456", until=timezone.now() - timedelta(days=1), reason="was rude")
        block("+49", is_prefix=True)
        block("+16504661232", created_by="sam")
        shown = client.get(reverse(LIST), asked).context["cl"].result_list
        assert {str(entry) for entry in shown} == expected

    def test_an_administrator_takes_it_back_and_it_stays_for_looking(self, client: Client, anna: User) -> None:
        entry = block("+4930123456")
        over = block("+4930999999", until=NOW)
        response = client.post(
            reverse(LIST), {"action": "unblock", "_selected_action": [entry.pk, over.pk]}, follow=True
        )
        assert [str(message) for message in response.context["messages"]] == ["Unblocked: 1."]
        assert blocking("+4930123456", country="", now=timezone.now()) is None
        over.refresh_from_db()
        assert over.until == NOW
        assert list(LogEntry.objects.values_list("object_repr", "change_message")) == [("+493***56", "Unblocked.")]

    def test_an_entry_keeps_its_number(self, client: Client, anna: User) -> None:
        entry = block("+4930123456", created_by="sue")
        url = reverse("admin:telephony_blockednumber_change", args=[entry.pk])
        data = {"number": "+1", "is_prefix": "on", "reason": "was rude", "until_0": "2030-01-01", "until_1": "00:00"}
        assert client.post(url, data).status_code == 302
        entry.refresh_from_db()
        assert (entry.number, entry.is_prefix, entry.reason, entry.created_by) == (
            "+4930123456",
            False,
            "was rude",
            "sue",
        )
        assert entry.until == datetime(2030, 1, 1, tzinfo=timezone.get_default_timezone())

    def test_who_is_neither_does_not_see_it(self, client: Client) -> None:
        client.force_login(UserFactory.create(username="stan", is_staff=True))
        assert client.get(reverse(LIST)).status_code == 403
        assert client.get(reverse(ADD)).status_code == 403
