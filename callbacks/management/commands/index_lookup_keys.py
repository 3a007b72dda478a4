"""`manage.py index_lookup_keys`: stored callbacks are found by what `_customer_lookup_keys` says now."""

from __future__ import annotations

from typing import Any

from django.core.management.base import BaseCommand

from callbacks import lookups
from callbacks.models import Callback
from services.models import ConfiguredService
from services.types import CALLBACK

BATCH = 1000


class Command(BaseCommand):
    help = "Have callbacks that are already stored found by what _customer_lookup_keys says now. Safe to repeat."

    def handle(self, *args: Any, **options: Any) -> None:
        written = 0
        for service in ConfiguredService.objects.of_type(CALLBACK.name):
            if not set(lookups.lookup_keys(service)) - lookups.COLUMNS.keys():
                continue
            stored = Callback.objects.filter(service=service).defer("session", "options")
            for callback in stored.iterator(chunk_size=BATCH):
                callback.service = service
                lookups.write(callback)
                written += 1
        self.stdout.write(f"{written} callbacks are found by their services' keys.")
