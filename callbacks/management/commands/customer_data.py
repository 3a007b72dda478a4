"""`manage.py customer_data export|delete NUMBER`: one customer's data, given out or deleted (docs/personal-data.md)."""

from __future__ import annotations

import argparse
import getpass
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.utils import timezone

from callbacks import privacy


class Command(BaseCommand):
    help = (
        "Print all that is stored of a telephone number as JSON, or delete it. Both are written down, with the number "
        "masked. Exit code 1 where the number's callbacks are not over: nothing was deleted."
    )

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        parser.add_argument("what", choices=["export", "delete"])
        parser.add_argument("number", help="with its country code, +49…, or together with --country")
        parser.add_argument("--country", default="", help="of a number without a country code: DE")
        parser.add_argument("--cancel", action="store_true", help="cancel what is not over before it is deleted")
        parser.add_argument("--by", default="", help="on whose behalf; without it, who runs the command")

    def handle(self, *args: Any, **options: Any) -> None:
        by, now = options["by"] or f"{getpass.getuser()} (manage.py)", timezone.now()
        try:
            of = privacy.subject(options["number"], options["country"])
            if options["what"] == "export":
                self.stdout.write(privacy.export(of, by=by, now=now))
                return
            deleted = privacy.delete(of, by=by, now=now, cancel=options["cancel"])
        except privacy.NoNumber as error:
            raise CommandError("Give a telephone number, with its country code or with --country.") from error
        except privacy.StillLive as error:
            raise CommandError(f"Nothing was deleted. Not over yet: {error}. {_ADVICE[options['cancel']]}") from error
        except privacy.Busy as error:
            raise CommandError("Nothing was deleted: others are changing these callbacks. Try again.") from error
        self.stdout.write(
            f"Deleted: {deleted.callbacks} callbacks ({deleted.cancelled} of them cancelled for it), "
            f"{deleted.others} other rows."
        )


_ADVICE = {
    False: "Cancel them first, or give --cancel.",
    True: "Their calls go on or are about to end; try again when they have.",
}
