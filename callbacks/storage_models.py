"""What clients keep here for a while: areas of keys and values."""

from __future__ import annotations

from django.db import models
from django.db.models import Q

from services.models import ConfiguredService


class StorageArea(models.Model):
    """Values that were stored together, and what they belong to, which decides who may see them.

    An area of its own belongs to the client that made it; one of a request for an access number to the service that
    answered it; one of a callback, whose id it has, to the callback, with which it goes.
    """

    id = models.CharField(max_length=64, primary_key=True)
    client = models.CharField(
        max_length=160, blank=True, help_text="Who made it, and whose limit it counts to; empty: a callback's."
    )
    service = models.ForeignKey(ConfiguredService, null=True, on_delete=models.CASCADE, related_name="+")
    size = models.PositiveIntegerField(default=0, help_text="Bytes of all values.")
    expires_at = models.DateTimeField(null=True, help_text="Null: with its callback.")

    class Meta:
        constraints = [
            models.CheckConstraint(
                condition=Q(client="", service=None, expires_at=None) | ~Q(client="") & Q(expires_at__isnull=False),
                name="storage_area_belongs",
            )
        ]
        indexes = [
            # How much a client stores.
            models.Index(fields=["client"], name="storage_client", condition=~Q(client="")),
            # The sweep.
            models.Index(fields=["expires_at"], name="storage_expiring", condition=Q(expires_at__isnull=False)),
        ]

    def __str__(self) -> str:
        return self.id


class StoredValue(models.Model):
    """One key of an area: a text, or a file as it was sent."""

    area = models.ForeignKey(StorageArea, on_delete=models.CASCADE, related_name="values")
    key = models.CharField(max_length=128)
    text = models.TextField(blank=True)
    content = models.BinaryField(null=True, help_text="Null: a text.")
    content_type = models.CharField(max_length=128, blank=True, help_text="Empty: a text.")
    file_name = models.CharField(max_length=255, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["area", "key"], name="stored_value_once"),
            models.CheckConstraint(
                condition=Q(content=None, content_type="") | Q(content__isnull=False, text="") & ~Q(content_type=""),
                name="stored_value_text_or_file",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.key} of {self.area_id}"

    @property
    def is_file(self) -> bool:
        return self.content_type != ""
