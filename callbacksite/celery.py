import gc
import os
import socket
from typing import Any

from celery import Celery
from celery.signals import (
    celeryd_init,
    task_prerun,
    worker_process_init,
    worker_process_shutdown,
    worker_ready,
    worker_shutdown,
)
from django.db import close_old_connections
from structlog.contextvars import clear_contextvars

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "callbacksite.settings")

app = Celery("callbacksite")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


# A broker whose machine is gone is noticed within ten seconds, not after the two hours that TCP itself would take.
LOST_BROKER = {
    getattr(socket, name): value
    for name, value in (("TCP_KEEPIDLE", 4), ("TCP_KEEPINTVL", 2), ("TCP_KEEPCNT", 3), ("TCP_USER_TIMEOUT", 10_000))
    if hasattr(socket, name)
}


@celeryd_init.connect
def wait_for_the_broker(conf: Any, **_: object) -> None:
    """Let workers wait for a broker that hangs, as long as its machine is there.

    Whoever publishes gives up after a second. A worker may not: Celery does not repeat an acknowledgement that timed
    out, and each such message takes one of the worker's places for good, until it takes no more tasks.
    """
    conf.broker_transport_options = {
        **conf.broker_transport_options,
        "socket_timeout": None,
        "socket_keepalive": True,
        "socket_keepalive_options": LOST_BROKER,
    }


@task_prerun.connect
def drop_dead_connections(**_: object) -> None:
    """As Django does before a request: Celery itself would either open a connection for each task or never look."""
    close_old_connections()


@task_prerun.connect
def forget_the_last_task(**_: object) -> None:
    """What that one bound for its log lines stayed so, since Celery logs a failure after it."""
    clear_contextvars()


@worker_ready.connect
def begin_worker(sender: Any, **_: object) -> None:
    """In the worker's main process: say which queues are served, and since this is also where a solo pool works, count.

    A thread: the loop that reads from the broker must not wait for a database that hangs.
    """
    from scheduling import heartbeats, totals

    # Not as `heart`: there Celery keeps one of its own, unless started with --without-heartbeat.
    sender.sign_of_life = heartbeats.Heart(*map(heartbeats.of_queue, sender.app.amqp.queues.consume_from))
    sender.sign_of_life.start()
    totals.begin()
    # As in callbacksite/wsgi.py: what is loaded stays. Processes that are forked later take it over.
    gc.freeze()


@worker_shutdown.connect
def end_worker(sender: Any, **_: object) -> None:
    from scheduling import totals

    if heart := getattr(sender.consumer, "sign_of_life", None):
        heart.end()
    totals.finish()


@worker_process_init.connect
def begin_pool_process(**_: object) -> None:
    from scheduling import totals

    totals.begin()
    gc.freeze()


@worker_process_shutdown.connect
def end_pool_process(**_: object) -> None:
    # billiard ends its processes without Python's own exit handlers.
    from scheduling import totals

    totals.finish()
