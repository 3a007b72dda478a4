"""`manage.py notification_secret`: the secrets by which receivers of status notifications check signatures."""

from __future__ import annotations

import argparse
import base64
import secrets
from typing import Any

from django.core.management.base import BaseCommand

from callbacks.status import signing


class Command(BaseCommand):
    help = "Print the secrets with which status notifications are signed, newest first, or make a new one."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--new", action="store_true", help="print a new random one, for the environment")

    def handle(self, *args: Any, **options: Any) -> None:
        new = signing.PREFIX + base64.b64encode(secrets.token_bytes(32)).decode()
        for secret in [new] if options["new"] else signing.secrets():
            self.stdout.write(secret)
