"""`manage.py audit`: names what must not be so, and with --repair mends what can be mended (docs/audit.md)."""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from callbacks.audit import run
from callbacks.audit.repair import repair
from callbacks.audit.run import Finding


class Command(BaseCommand):
    help = (
        "Name every callback that is overdue, orphaned, rung twice for one attempt, inconsistent with its journal, or "
        "whose agent is reserved without reason. Exit code 1 when there are findings, 2 when it could not look."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("--repair", action="store_true", help="mend what can be mended, and look again")
        parser.add_argument("--json", action="store_true", help="print the findings as one JSON document")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            found = run.audit(now=timezone.now(), thorough=True)
            done: dict[str, list[str]] = {}
            if options["repair"] and found:
                owners = list(dict.fromkeys(finding.owner for finding in found))
                done = repair(owners, listing=run.list_switches(), now=timezone.now())
                found = run.audit(now=timezone.now(), thorough=True, repaired=done)
        except run.Busy as error:
            raise CommandError("Another audit is running; try again in a moment.", returncode=2) from error
        if options["json"]:
            self.stdout.write(json.dumps(as_document(found, done), indent=2))
        else:
            for line in as_lines(found, done):
                self.stdout.write(line)
        if found:
            sys.exit(1)


def as_lines(found: list[Finding], done: dict[str, list[str]]) -> list[str]:
    """One line a repair, one a finding, with what a person should do about it."""
    lines = [f"Repaired: {owner}: {' '.join(sentences)}" for owner, sentences in done.items()]
    lines += [f"{finding} {finding.advice}".rstrip() for finding in found]
    return lines if found else [*lines, "No findings."]


def as_document(found: list[Finding], done: dict[str, list[str]]) -> dict[str, Any]:
    return {
        "findings": [
            {
                "kind": finding.kind.value,
                "callback": finding.owner,
                "detail": finding.detail,
                "advice": finding.advice,
                "repairable": any(fault.remedy for fault in finding.faults),
            }
            for finding in found
        ],
        "repaired": done,
    }
