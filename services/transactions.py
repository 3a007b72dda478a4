"""Transactions that may take longer than those of a request."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from django.db import connection, transaction

SECONDS = 120


@contextmanager
def patient() -> Iterator[None]:
    """A transaction with two minutes for each statement and between them: a large file, a million callbacks to keep.

    How long it waits for a lock stays as it is.
    """
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute(f"SET LOCAL statement_timeout = '{SECONDS}s'")
            cursor.execute(f"SET LOCAL idle_in_transaction_session_timeout = '{SECONDS}s'")
        yield
