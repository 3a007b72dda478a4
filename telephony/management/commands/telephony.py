"""`manage.py telephony`: listen to the switches and write down what happens on them."""

from __future__ import annotations

import gc
import signal
import threading
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from scheduling import totals
from telephony import process


class Command(BaseCommand):
    help = (
        "Listen to the configured switches. More of these processes may run: one listens to a switch, the others "
        "stand by and take over within seconds."
    )

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--switch", metavar="NAME", help="listen to this switch only")

    def handle(self, *args: Any, **options: Any) -> None:
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        totals.begin()
        # What is loaded stays: to look through it again and again would hold up calls for a tenth of a second.
        gc.freeze()
        process.serve(only=options["switch"], stop=stop)
