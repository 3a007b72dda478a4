"""`manage.py export_configuration`: everything that is configured, as a file for `manage.py configure`."""

from __future__ import annotations

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from services.configuration import exporting, schema

FORMATS = {"yaml": exporting.as_yaml, "json": exporting.as_json}


class Command(BaseCommand):
    help = "Print everything that is configured, without secrets, as a file for configure."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--format", choices=sorted(FORMATS), default="yaml")
        parser.add_argument("--schema", action="store_true", help="print the JSON Schema of the file instead")

    def handle(self, *args: Any, **options: Any) -> None:
        text = schema.as_text() if options["schema"] else FORMATS[options["format"]]()
        self.stdout.write(text, ending="")
