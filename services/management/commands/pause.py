"""`manage.py pause SERVICE|all`: nobody is called for it until `manage.py resume` (docs/supervisors.md)."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from services import pausing
from services.management.actor import actor
from services.models import ConfiguredService
from services.reason import LONGEST_REASON


class Command(BaseCommand):
    help = "Pause a callback service, or all of them: what is queued keeps its place, and nobody is called."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("service", help="the name of a callback service, or all")
        parser.add_argument("--reason", default="", help="why, for the change log")

    def handle(self, *args: Any, **options: Any) -> None:
        name, reason = options["service"], options["reason"][:LONGEST_REASON]
        try:
            pausing.pause(name, actor=actor("pause"), reason=reason, now=timezone.now())
        except ConfiguredService.DoesNotExist:
            raise CommandError(f"There is no callback service {name!r}. Nothing was changed.") from None
        self.stdout.write(f"Paused: {name}.")
