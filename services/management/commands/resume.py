"""`manage.py resume SERVICE|all`: what was paused goes on (docs/supervisors.md)."""

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
    help = "Resume a callback service, or take back that all are paused."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("service", help="the name of a callback service, or all")
        parser.add_argument("--reason", default="", help="why, for the change log")

    def handle(self, *args: Any, **options: Any) -> None:
        name, reason = options["service"], options["reason"][:LONGEST_REASON]
        try:
            left = pausing.resume(name, actor=actor("resume"), reason=reason, now=timezone.now())
        except ConfiguredService.DoesNotExist:
            raise CommandError(f"There is no callback service {name!r}. Nothing was changed.") from None
        if left and name != pausing.ALL:
            raise CommandError(f"{name} is still paused: {pausing.ALL} is.")
        self.stdout.write(f"Resumed: {name}.")
        if left:
            self.stdout.write(f"Still paused by themselves: {', '.join(sorted(left))}.")
