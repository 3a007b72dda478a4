"""`manage.py export_configuration`: everything that is configured, as a file for `manage.py configure`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from services.configuration import exporting, schema
from services.management.commands.configure import NOT_MIGRATED

FORMATS = {"yaml": exporting.as_yaml, "json": exporting.as_json}


class Command(BaseCommand):
    help = "Print everything that is configured, without secrets, as a file for configure."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=sorted(FORMATS), default="yaml")
        parser.add_argument("--schema", action="store_true", help="print the JSON Schema of the file instead")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            text = schema.as_text() if options["schema"] else FORMATS[options["format"]]()
        except OperationalError as error:
            raise CommandError(f"The database did not answer: {error}") from error
        except ProgrammingError as error:
            raise CommandError(f"{NOT_MIGRATED} {error}") from error
        self.stdout.write(text, ending="")
