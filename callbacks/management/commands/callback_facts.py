"""`manage.py callback_facts`: the reporting fields of callbacks that are over, for a data warehouse."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.utils import timezone

from callbacks.reporting import export


class Command(BaseCommand):
    help = (
        "Writes a record for each callback that is over, in the order in which they were reported (docs/reports.md). "
        "Fetch again with --after and the SEQ of the last record: none is missed, and none comes twice."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--format", choices=["csv", "jsonl"], default="jsonl")
        parser.add_argument("--after", type=int, default=0, metavar="SEQ", help="only records behind this one")
        parser.add_argument("--since", metavar="TIME", help="completed at or after this time (ISO 8601; the office's)")
        parser.add_argument("--until", metavar="TIME", help="completed before this time")

    def handle(self, *args: Any, **options: Any) -> None:
        found = export.facts(
            after=options["after"],
            start=_moment("--since", options["since"]),
            end=_moment("--until", options["until"]),
        )
        lines = export.csv_lines(found) if options["format"] == "csv" else export.json_lines(found)
        for line in lines:
            self.stdout.write(line, ending="")


def _moment(name: str, text: str | None) -> datetime | None:
    """A time without a zone is the office's. Raises CommandError."""
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise CommandError(f"{name} {text} is no time; give it as 2026-03-31 or 2026-03-31T17:00:00Z.") from None
    return moment if moment.tzinfo else moment.replace(tzinfo=timezone.get_default_timezone())
