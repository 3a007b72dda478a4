"""What nobody needs any more goes by itself."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from django.conf import settings
from django.contrib.sessions.models import Session

from callbacksite.tasks import clear_sessions


@pytest.mark.django_db
def test_sessions_of_the_pages_are_removed_after_their_end() -> None:
    now = datetime.now(UTC)
    Session.objects.create(session_key="over", session_data="", expire_date=now - timedelta(seconds=1))
    Session.objects.create(session_key="alive", session_data="", expire_date=now + timedelta(hours=1))
    clear_sessions()
    assert list(Session.objects.values_list("session_key", flat=True)) == ["alive"]


def test_beat_asks_for_it_and_nobody_keeps_results() -> None:
    entry = settings.CELERY_BEAT_SCHEDULE["clear sessions"]
    assert entry["task"] == clear_sessions.name
    assert settings.CELERY_TASK_IGNORE_RESULT is True
