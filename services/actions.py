"""The verbs on what is configured."""

from __future__ import annotations

from datetime import datetime

from django.db import IntegrityError, transaction

from services import changes, documents, transactions, uses
from services.models import ConfiguredService


class InUse(Exception):
    """Something that is needed cannot be deleted; nothing was changed. The text lists what stands in the way."""


def delete_service(service: ConfiguredService, *, actor: str, reason: str = "", now: datetime) -> None:
    """Delete a service and write it into the change log. Its completed callbacks stay, with its name.

    Raises InUse while it has callbacks that are not completed, an API key is limited to it or another service names it.
    """
    part = documents.part_of(ConfiguredService)
    with transactions.patient():
        # Whoever starts a callback of it now waits, and finds no service.
        locked = ConfiguredService.objects.select_for_update(of=("self",)).filter(pk=service.pk).first()
        if locked is None:
            return
        if found := uses.of_service(locked):
            raise InUse(f"{locked.name} cannot be deleted: {'; '.join(found)}.")
        before = part.document(locked)
        try:
            with transaction.atomic():
                locked.delete()
        except IntegrityError as error:
            raise InUse(f"{service.name} cannot be deleted: a callback of it was just started.") from error
        changes.record(
            part=part.name, name=service.name, before=before, after=None, actor=actor, reason=reason, now=now
        )
