"""A repeated start request is answered as the first one: header `Idempotency-Key`, as the IETF's draft of it has it.

The answer is stored in the transaction that stores the callback, so that what was refused or failed is not remembered.
Of two that come at once the second waits for the first, for as long as a lock is waited for.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import connection
from django.utils.crypto import salted_hmac

from callbacks.limits.models import StartAnswer
from callbacks.models import Callback

KEPT = timedelta(hours=24)
ALLOWED = "1 to 255 visible ASCII characters"
_KEY = re.compile(r"[!-~]{1,255}")


class BadKey(Exception):
    """The header is no key; nothing was stored."""


class KeyReused(Exception):
    """The key was used with another request; nothing was stored. Its text is the key."""


class Answered(Exception):
    """The request was answered before, with `answer`; nothing was stored again."""

    def __init__(self, answer: Mapping[str, Any]) -> None:
        super().__init__()
        self.answer = answer


@dataclass(frozen=True)
class Once:
    """A start that may be repeated: its key, what it says, and what a new callback is answered with."""

    key: str
    digest: str
    request: str
    answer: Callable[[Callback], Mapping[str, Any]]

    def replay(self, now: datetime) -> None:
        """Nothing, if the key is new; it is then the caller's until the transaction ends.

        Outside of a transaction it waits for one that is under way. Raises Answered, KeyReused.
        """
        with connection.cursor() as cursor:
            # A number of 64 bits; one that two keys share only makes one of them wait.
            cursor.execute("SELECT pg_advisory_xact_lock(%s::bigint)", [int(self.digest[:15], 16)])
        found = StartAnswer.objects.filter(pk=self.digest, created_at__gt=now - KEPT).first()
        if found is None:
            return
        if found.request != self.request:
            raise KeyReused(self.key)
        raise Answered(json.loads(found.answer))

    def remember(self, callback: Callback, now: datetime) -> None:
        """Store the answer, in the caller's transaction. An older one under the same key is no longer kept."""
        answered = StartAnswer(
            digest=self.digest, request=self.request, answer=json.dumps(self.answer(callback)), created_at=now
        )
        StartAnswer.objects.bulk_create(
            [answered],
            update_conflicts=True,
            unique_fields=["digest"],
            update_fields=["request", "answer", "created_at"],
        )


def once(
    header: str | None,
    *,
    client: str,
    service: int,
    parameters: Mapping[str, str],
    answer: Callable[[Callback], Mapping[str, Any]],
) -> Once | None:
    """What a request with this header asks for; None without it. Another client's key is another key.

    The same keys and values are the same request, in whichever order and encoding they come. Raises BadKey.
    """
    if header is None:
        return None
    key = header.strip()
    if not _KEY.fullmatch(key):
        raise BadKey
    said = json.dumps(parameters, sort_keys=True)
    return Once(key, _digest(f"{client}\0{service}\0{key}"), _digest(said), answer)


def _digest(text: str) -> str:
    return salted_hmac("callbacks.limits.idempotency", text, algorithm="sha256").hexdigest()[:32]


def forget(now: datetime, most: int) -> int:
    """Delete up to `most` answers that are kept no longer; return how many."""
    over = StartAnswer.objects.filter(created_at__lte=now - KEPT).order_by("created_at").values("pk")[:most]
    return StartAnswer.objects.filter(pk__in=over).delete()[0]
