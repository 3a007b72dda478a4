"""What belongs to a person who signs in, beside Django's user: which services they may see, and their time zone."""

from __future__ import annotations

from django.conf import settings
from django.db import models
from django.db.models import Q


class PersonScope(models.Model):
    """A service, or a group of services, to which a person is limited. Who has no row sees all.

    It says the name, as an admin writes it, and does not refer to the service: were the last row to go with a deleted
    service, its person would be limited to nothing any more, which opens all.
    """

    class Kind(models.TextChoices):
        SERVICE = "service", "Service"
        GROUP = "group", "Group of services"

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="scopes")
    kind = models.CharField(max_length=8, choices=Kind, default=Kind.SERVICE)
    name = models.CharField(
        max_length=128, help_text="The name of a service, or of a group that services name in _service_groups."
    )

    class Meta:
        verbose_name = "limit to a service"
        verbose_name_plural = "limits to services"
        ordering = ["kind", "name"]
        constraints = [
            # Also finds the rows of a person.
            models.UniqueConstraint(fields=["user", "kind", "name"], name="person_scope_once"),
            models.CheckConstraint(
                condition=Q(kind__in=["service", "group"]) & ~Q(name=""), name="person_scope_says_what"
            ),
        ]

    def __str__(self) -> str:
        return f"group {self.name}" if self.kind == self.Kind.GROUP else self.name


class Preference(models.Model):
    """What a person has set for themselves."""

    user = models.OneToOneField(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, primary_key=True, related_name="preference"
    )
    time_zone = models.CharField(max_length=64, blank=True, help_text="Empty: the office's.")

    def __str__(self) -> str:
        return f"of {self.user}"


class ResetRequest(models.Model):
    """That somebody said to have lost their password, until the hour is over in which requests are counted."""

    # Whatever was typed, whether or not anybody has it.
    email = models.CharField(max_length=254)
    address = models.CharField(max_length=64, blank=True, help_text="From where, as it is counted.")
    origin = models.CharField(max_length=300, help_text="The site as it was asked: where the link leads.")
    at = models.DateTimeField()
    mailed_at = models.DateTimeField(null=True)

    class Meta:
        indexes = [
            # Counting those of the last hour, and dropping older ones.
            models.Index(fields=["at"], name="reset_request_at"),
        ]

    def __str__(self) -> str:
        return f"at {self.at:%Y-%m-%d %H:%M}"
