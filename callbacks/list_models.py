"""What people keep of the list of callbacks."""

from __future__ import annotations

from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from django.contrib.auth.models import AnonymousUser, User


class SavedViewQuerySet(models.QuerySet["SavedView"]):
    def of(self, user: User | AnonymousUser) -> SavedViewQuerySet:
        """Those that this person can open: their own, and what others share."""
        return self.filter(Q(owner=user.pk) | Q(is_shared=True))


class SavedView(models.Model):
    """A view of the list of callbacks under a name. It says what is asked for, not what was found."""

    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="saved_views")
    name = models.CharField(max_length=60)
    query = models.TextField(help_text="The query string of the list's address, without a customer's number.")
    is_shared = models.BooleanField(default=False, help_text="Whether everybody who may see callbacks can open it.")
    created_at = models.DateTimeField()

    objects = SavedViewQuerySet.as_manager()

    class Meta:
        ordering = ["name", "pk"]
        constraints = [
            # Also finds those of a person.
            models.UniqueConstraint(fields=["owner", "name"], name="saved_view_name"),
            models.CheckConstraint(condition=~Q(name=""), name="saved_view_has_name"),
        ]

    def __str__(self) -> str:
        return self.name
