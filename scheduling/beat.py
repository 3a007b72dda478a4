"""Celery Beat's scheduler: django-celery-beat's, and a sign of life with the turns of its loop."""

from __future__ import annotations

import logging
import time
from typing import Any

from django.db import connection
from django_celery_beat.schedulers import DatabaseScheduler

from scheduling import heartbeats

logger = logging.getLogger(__name__)


class Scheduler(DatabaseScheduler):  # type: ignore[misc]
    """Beats in the loop itself, so that a loop that stands still is seen as dead."""

    _beaten_at = 0.0

    def tick(self, *args: Any, **kwargs: Any) -> float:
        pause: float = super().tick(*args, **kwargs)
        if time.monotonic() - self._beaten_at >= heartbeats.EVERY_SECONDS:
            self._beaten_at = time.monotonic()
            try:
                heartbeats.beat(heartbeats.BEAT)
            except Exception as error:  # noqa: BLE001 (Beat must go on)
                logger.warning("the heartbeat cannot be written: %s", error)
                connection.close()
        return pause

    def close(self) -> None:
        super().close()
        try:
            heartbeats.stop(heartbeats.BEAT)
        except Exception as error:  # noqa: BLE001 (Beat ends all the same)
            logger.warning("the heartbeat cannot be taken back: %s", error)
