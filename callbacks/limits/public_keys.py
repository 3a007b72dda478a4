"""How many requests a key for web pages takes from one address in a minute."""

from __future__ import annotations

from datetime import datetime

from django.db import connection
from django.utils.crypto import salted_hmac

from callbacks.limits import counts

# One statement, by itself: it also counts what is refused afterwards, else a refusal would cost nothing.
_COUNT = """
    INSERT INTO callbacks_valuecount AS counter (digest, accepted, day) VALUES (%s, 1, %s)
    ON CONFLICT (digest) DO UPDATE SET accepted = counter.accepted + 1 RETURNING accepted
"""


def count(key: int, address: str, now: datetime) -> int:
    """Count a request, and return how many there were in this minute, this one included. Addresses are not kept."""
    what = f"{key}\0{int(now.timestamp()) // 60}\0{address}"
    digest = salted_hmac("callbacks.limits.public_keys", what, algorithm="sha256").hexdigest()[:32]
    with connection.cursor() as cursor:
        cursor.execute(_COUNT, [digest, counts.today(now)])
        return int(cursor.fetchone()[0])
