"""What is read for everybody who looks, and kept in the process for a moment."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from datetime import datetime
from typing import Generic, TypeVar

Found = TypeVar("Found")

# So old what is shown may be: with the board's own refresh a change is seen within two seconds.
SECONDS = 0.5


class Kept(Generic[Found]):
    """Reads at most once in `SECONDS`; whoever asks while it is read waits for the same answer."""

    def __init__(self, read: Callable[[datetime], Found]) -> None:
        self._read = read
        self._lock = threading.Lock()
        self._read_at = float("-inf")
        self._found: Found | None = None

    def get(self, now: datetime) -> Found:
        """What was read a moment ago, or reads it. Raises what reading raises, and keeps nothing then."""
        with self._lock:
            if self._found is None or time.monotonic() - self._read_at >= SECONDS:
                self._found = None
                self._found = self._read(now)
                self._read_at = time.monotonic()
            return self._found
