"""Configured services and the API keys of the clients that use them."""

from __future__ import annotations

import re
from datetime import datetime

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import RegexValidator
from django.db import models
from django.db.models import Q
from django.utils import timezone

# Only the cryptography: the library's models cannot be imported unless its app, with a table and an admin page of its
# own that nothing here uses, is installed.
from rest_framework_api_key.crypto import KeyGenerator

from services import kinds, resolution, types

# Path parts that have a meaning of their own beside or below a service's URL.
RESERVED_NAMES = frozenset({".", "..", "availability", "callback", "check-queue-position", "ixn", "storage"})


def validate_service_name(name: str) -> None:
    if name.lower() in RESERVED_NAMES:
        raise ValidationError(f"'{name}' cannot be the name of a service: it is a part of other URLs.")


class ConfiguredServiceQuerySet(models.QuerySet["ConfiguredService"]):
    def of_type(self, type_name: str) -> ConfiguredServiceQuerySet:
        return self.filter(type=type_name)


class ConfiguredService(models.Model):
    """What an admin set up: a name that is part of a URL, a type, and the options that differ from its configuration.

    `options` holds texts by option name, also of options that this release does not know: they are kept.
    """

    name = models.CharField(
        max_length=64,
        unique=True,
        validators=[
            RegexValidator(
                rf"\A{kinds.SERVICE_NAME.pattern}\Z",
                "'%(value)s' was given, allowed are 1 to 64 of the characters A-Z a-z 0-9 . _ -",
            ),
            validate_service_name,
        ],
    )
    type = models.CharField(max_length=32, default="callback")
    configuration = models.CharField("Common Default Configuration", max_length=64)
    options = models.JSONField(default=dict, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    updated_at = models.DateTimeField(auto_now=True)

    objects = ConfiguredServiceQuerySet.as_manager()

    class Meta:
        ordering = ["name"]
        constraints = [
            # The name is written into URLs as it is.
            models.CheckConstraint(condition=Q(name__regex=r"^[A-Za-z0-9._-]{1,64}$"), name="service_name_is_url_part"),
        ]

    def __str__(self) -> str:
        return self.name

    @property
    def url_path(self) -> str:
        """The path to which clients send requests, from the root of the site."""
        return f"/{settings.API_BASE_PATH}/1/{types.service_type(self.type).url}{self.name}"

    @property
    def problems(self) -> list[str]:
        """Why it cannot work, in sentences; empty if it can."""
        return resolution.problems(self)


# What a key may do.
START = "start"
QUERY = "query"
ADMIN = "admin"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def create_key(self, *, name: str, scopes: list[str], expires_at: datetime | None = None) -> tuple[ApiKey, str]:
        """A new key and its text, which is not stored and cannot be shown again."""
        api_key = ApiKey(name=name, scopes=scopes, expires_at=expires_at)
        api_key.generate()
        api_key.save()
        return api_key, api_key.text

    def get_from_key(self, text: str, now: datetime | None = None) -> ApiKey:
        """The key that this text is, if it may be used. Raises ApiKey.DoesNotExist."""
        if not ApiKey.TEXT_FORMAT.fullmatch(text):
            raise ApiKey.DoesNotExist
        api_key = self.get(prefix=text.partition(".")[0])
        if not ApiKey.GENERATOR.verify(text, api_key.hashed_key) or not api_key.is_usable(now or timezone.now()):
            raise ApiKey.DoesNotExist
        return api_key


class ApiKey(models.Model):
    """A client's key, stored as a hash. What it may do is its scopes; limited to services, it does so only there."""

    SCOPES = [
        (START, "start: start, change and cancel callbacks"),
        (QUERY, "query: look callbacks up"),
        (ADMIN, "admin: the administration requests"),
    ]
    GENERATOR = KeyGenerator()
    TEXT_FORMAT = re.compile(r"[A-Za-z0-9]{8}\.[A-Za-z0-9]{32}")

    name = models.CharField(max_length=64, help_text="Who uses it, for example mobile app.")
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    hashed_key = models.CharField(max_length=150, editable=False)
    scopes = ArrayField(models.CharField(max_length=16, choices=SCOPES))
    services = models.ManyToManyField(ConfiguredService, through="ApiKeyService", related_name="api_keys", blank=True)
    revoked = models.BooleanField(default=False, help_text="A revoked key is refused. This cannot be undone.")
    expires_at = models.DateTimeField("expires", null=True, blank=True, help_text="Empty: never.")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = ApiKeyQuerySet.as_manager()

    text = ""

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=[START, QUERY, ADMIN]) & Q(scopes__len__gt=0),
                name="api_key_has_known_scopes",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def generate(self) -> None:
        """Give this unsaved key its `text`, which is handed to the client and is not stored."""
        self.text, self.prefix, self.hashed_key = self.GENERATOR.generate()

    def is_usable(self, now: datetime) -> bool:
        """True unless it is revoked or has expired."""
        return not self.revoked and (self.expires_at is None or now < self.expires_at)

    def allows(self, scope: str, service: ConfiguredService | None = None) -> bool:
        """True if it has the scope and, where a service is meant, is not limited to others."""
        if scope not in self.scopes:
            return False
        limits = {limit.pk for limit in self.services.all()} if service else set()
        return service is None or not limits or service.pk in limits


class ApiKeyService(models.Model):
    """A service to which a key is limited.

    The service is protected: were the last one deleted with its row here, the key would be limited to none, which
    opens all.
    """

    api_key = models.ForeignKey(ApiKey, on_delete=models.CASCADE)
    service = models.ForeignKey(ConfiguredService, on_delete=models.PROTECT)

    class Meta:
        verbose_name = "limit of an API key"
        verbose_name_plural = "limits of API keys"
        constraints = [models.UniqueConstraint(fields=["api_key", "service"], name="api_key_limited_once_to_a_service")]

    def __str__(self) -> str:
        return f"API key {self.api_key}, which is limited to {self.service}"
