"""`manage.py configure FILE`: make the configuration what a file says (docs/configuration.md)."""

from __future__ import annotations

import sys
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError
from django.utils import timezone

from services.configuration import applying, reading, words
from services.documents import Refused
from services.management.actor import actor
from services.reason import LONGEST_REASON

STANDARD_INPUT = "-"
NOT_MIGRATED = "The database has not the tables of this release: run migrate."


class Command(BaseCommand):
    help = "Make the configuration what a YAML or JSON file says, all of it or nothing. May be repeated."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", help="YAML or JSON; - for standard input")
        parser.add_argument("--dry-run", action="store_true", help="print the differences and change nothing")
        parser.add_argument(
            "--prune", action="store_true", help="of each part in the file remove what it does not name"
        )
        parser.add_argument("--reason", default="", help="why, for the change log")

    def handle(self, *args: Any, **options: Any) -> None:
        if len(options["reason"]) > LONGEST_REASON:
            raise CommandError(f"The reason has {len(options['reason'])} characters, allowed are {LONGEST_REASON}.")
        try:
            outcome = applying.apply(
                reading.read(_text(options["file"])),
                actor=actor("configure"),
                reason=options["reason"],
                now=timezone.now(),
                prune=options["prune"],
                dry_run=options["dry_run"],
            )
        except Refused as refused:
            for error in refused.errors:
                self.stderr.write(error)
            count = len(refused.errors)
            raise CommandError(f"{count} error{'s' if count > 1 else ''}. Nothing was changed.") from None
        except OperationalError as error:
            # For example a database that is away: what was begun is taken back.
            raise CommandError(f"The database did not carry it out, nothing was changed: {error}") from error
        except ProgrammingError as error:
            raise CommandError(f"{NOT_MIGRATED} Nothing was changed: {error}") from error
        for warning in outcome.warnings:
            self.stderr.write(f"Warning: {warning}")
        for line in words.lines(outcome.differences):
            self.stdout.write(line)
        if options["dry_run"] and outcome.differences:
            self.stdout.write("Nothing was changed: this was a dry run.")


def _text(file: str) -> str:
    try:
        return sys.stdin.read() if file == STANDARD_INPUT else Path(file).read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise CommandError(f"{file} cannot be read: {error}") from error
