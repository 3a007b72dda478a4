"""What admins configure: services, global sections, named lists, API keys; and the log of every change to it."""

from __future__ import annotations

import functools
import json
import re
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any, cast

from django.conf import settings
from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.core.validators import MaxValueValidator, MinValueValidator, RegexValidator
from django.db import connection, models
from django.db.models import Q, TextField
from django.db.models.expressions import RawSQL
from django.utils import timezone

# Only the cryptography: the library's models cannot be imported unless its app, with a table and an admin page of its
# own that nothing here uses, is installed.
from rest_framework_api_key.crypto import KeyGenerator

from services import kinds, resolution, types

if TYPE_CHECKING:
    from services.credentials import Opened

# Path parts that have a meaning of their own beside or below a service's URL.
RESERVED_NAMES = frozenset({".", "..", "availability", "callback", "check-queue-position", "ixn", "storage"})


def validate_service_name(name: str) -> None:
    if name.lower() in RESERVED_NAMES:
        raise ValidationError(f"'{name}' cannot be the name of a service: it is a part of other URLs.")


class Section(models.Model):
    """A global section of options, such as callback or server: what counts where a service says nothing itself.

    `options` holds texts by key, also under keys that this release does not know: they are kept.
    """

    name = models.CharField(max_length=128, unique=True, help_text="For example callback or server.")
    options = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="section_has_a_name")]

    def __str__(self) -> str:
        return self.name


class NamedList(models.Model):
    """A list that is known by its name (GMS_Paused_Services, GMS_Events, GMS_Resources): texts by section and key."""

    name = models.CharField(max_length=128, unique=True, help_text="For example GMS_Resources.")
    sections = models.JSONField(default=dict, blank=True)

    class Meta:
        ordering = ["name"]
        constraints = [models.CheckConstraint(condition=~Q(name=""), name="named_list_has_a_name")]

    def __str__(self) -> str:
        return self.name


# The sections that options of services inherit from, as one text; read in the statement that reads a service.
SECTIONS_SQL = """
    (SELECT jsonb_object_agg(section.name, section.options)::text FROM services_section AS section
     WHERE section.name = ANY(%s))
"""


def _sections_now() -> str | None:
    with connection.cursor() as cursor:
        cursor.execute(f"SELECT {SECTIONS_SQL}", [resolution.inherited_sections()])
        row: tuple[str | None] = cursor.fetchone()
    return row[0]


@functools.lru_cache(maxsize=64)
def _sections(text: str | None) -> Mapping[str, Mapping[str, str]]:
    sections: dict[str, dict[str, str]] = json.loads(text) if text else {}
    return sections


class ConfiguredServiceQuerySet(models.QuerySet["ConfiguredService"]):
    def of_type(self, type_name: str) -> ConfiguredServiceQuerySet:
        return self.filter(type=type_name)


_ServiceManager = models.Manager.from_queryset(ConfiguredServiceQuerySet)


class ConfiguredServiceManager(_ServiceManager["ConfiguredService"]):
    """Reads with each service the global sections as they are now: a change of one counts at once, everywhere."""

    def get_queryset(self) -> ConfiguredServiceQuerySet:
        sections = RawSQL(  # noqa: S611 (a fixed text) # nosec B611
            SECTIONS_SQL, [resolution.inherited_sections()], output_field=TextField()
        )
        # A dictionary, because the type checker takes a keyword for a second definition of the attribute.
        return cast("ConfiguredServiceQuerySet", super().get_queryset().annotate(**{"sections_read": sections}))  # noqa: PIE804


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

    objects = ConfiguredServiceManager()

    # Set by whatever reads services; see global_sections.
    sections_read: str | None

    class Meta:
        ordering = ["name"]
        # Also what follows a foreign key to a service reads the sections with it.
        base_manager_name = "objects"
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
    def global_sections(self) -> Mapping[str, Mapping[str, str]]:
        """The global sections as they were when this service was read; not to be changed."""
        if "sections_read" not in self.__dict__:
            # It was just made, or came by a join.
            self.sections_read = _sections_now()
        return _sections(self.sections_read)

    def refresh_from_db(self, *args: Any, **kwargs: Any) -> None:
        self.__dict__.pop("sections_read", None)
        super().refresh_from_db(*args, **kwargs)

    @property
    def problems(self) -> list[str]:
        """Why it cannot work, in sentences; empty if it can."""
        return resolution.problems(self)

    @property
    def warnings(self) -> list[str]:
        """What an admin should know although it can work, in sentences."""
        return resolution.warnings(self)


# What a key may do.
START = "start"
QUERY = "query"
ADMIN = "admin"


class ApiKeyQuerySet(models.QuerySet["ApiKey"]):
    def create_key(
        self, *, name: str, scopes: list[str], expires_at: datetime | None = None, is_public: bool = False
    ) -> tuple[ApiKey, str]:
        """A new key and its text, which is not stored and cannot be shown again, but of one for web pages."""
        api_key = ApiKey(name=name, scopes=scopes, expires_at=expires_at, is_public=is_public)
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
    REQUESTS_A_MINUTE = 30

    name = models.CharField(max_length=64, help_text="Who uses it, for example mobile app.")
    prefix = models.CharField(max_length=8, unique=True, editable=False)
    hashed_key = models.CharField(max_length=150, editable=False)
    scopes = ArrayField(models.CharField(max_length=16, choices=SCOPES))
    services = models.ManyToManyField(ConfiguredService, through="ApiKeyService", related_name="api_keys", blank=True)
    revoked = models.BooleanField(default=False, help_text="A revoked key is refused. This cannot be undone.")
    expires_at = models.DateTimeField("expires", null=True, blank=True, help_text="Empty: never.")
    created_at = models.DateTimeField(auto_now_add=True)
    # A key that stands in a web page is no secret: its text is kept, for whoever puts it there.
    is_public = models.BooleanField(
        "for web pages",
        default=False,
        db_default=False,
        help_text="Everybody can read it there. It may only start callbacks, and what came of one it may change and "
        "cancel; it is limited to services, and so are the requests that it takes from one address.",
    )
    public_text = models.CharField(max_length=41, blank=True, default="", db_default="", editable=False)
    requests_a_minute = models.PositiveSmallIntegerField(
        default=REQUESTS_A_MINUTE,
        db_default=REQUESTS_A_MINUTE,
        validators=[MinValueValidator(1), MaxValueValidator(1000)],
        help_text="1 to 1000 with a key for web pages, from one address; more are answered 429.",
    )
    captcha_url = models.CharField(
        "CAPTCHA verified at",
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="Where the token of a start request is verified, such as https://hcaptcha.com/siteverify. Empty: "
        "none is asked for.",
    )
    captcha_secret = models.CharField(
        "CAPTCHA secret",
        max_length=200,
        blank=True,
        default="",
        db_default="",
        help_text="The name of the file in the folder PUSH_CREDENTIALS in which the provider's secret lies.",
    )

    objects = ApiKeyQuerySet.as_manager()

    text = ""
    # What the client may use that came with a name and password instead of a key; it is not stored, and has no `pk`.
    opened: Opened | None = None

    class Meta:
        verbose_name = "API key"
        ordering = ["-created_at", "-pk"]
        constraints = [
            models.CheckConstraint(
                condition=Q(scopes__contained_by=[START, QUERY, ADMIN]) & Q(scopes__len__gt=0),
                name="api_key_has_known_scopes",
            ),
            # Everybody can read it.
            models.CheckConstraint(
                condition=Q(is_public=False, public_text="") | Q(is_public=True, scopes=[START]) & ~Q(public_text=""),
                name="api_key_public_only_starts",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

    def generate(self) -> None:
        """Give this unsaved key its `text`, which is handed to the client and is not stored."""
        self.text, self.prefix, self.hashed_key = self.GENERATOR.generate()
        self.public_text = self.text if self.is_public else ""

    def is_usable(self, now: datetime) -> bool:
        """True unless it is revoked or has expired."""
        return not self.revoked and (self.expires_at is None or now < self.expires_at)

    def allows(self, scope: str, service: ConfiguredService | None = None) -> bool:
        """True if it has the scope and, where a service is meant, is not limited to others."""
        if scope not in self.scopes:
            return False
        if self.opened is not None:
            return service is None or self.opened.service(service.pk)
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


class Change(models.Model):
    """One change of one thing that is configured: who, when, why, and its document before and after.

    Kept for good. Things are known by part and name, as in the configuration file, so that the story of one goes on
    when it is deleted and comes back. Secrets do not stand in documents: `secrets` names those that were changed.
    """

    part = models.CharField(max_length=32, help_text="The part of the configuration: services, sections, agents, …")
    name = models.CharField(max_length=255)
    at = models.DateTimeField()
    actor = models.CharField(max_length=150, help_text="Who: a user, or the command configure.")
    reason = models.CharField(max_length=500, blank=True)
    before = models.JSONField(null=True, help_text="Null: it was not there.")
    after = models.JSONField(null=True, help_text="Null: it was deleted.")
    secrets = ArrayField(models.CharField(max_length=128), default=list, blank=True)

    class Meta:
        ordering = ["-pk"]
        indexes = [
            # The story of one thing, newest first.
            models.Index("part", "name", models.F("id").desc(), name="change_story"),
        ]

    def __str__(self) -> str:
        return f"{self.part} {self.name}: {self.verb} by {self.actor}"

    @property
    def verb(self) -> str:
        """What was done: added, changed or deleted."""
        if self.before is None:
            return "added"
        return "deleted" if self.after is None else "changed"


# Tables of this app whose rows are described elsewhere.
from services.people_models import PersonScope, Preference, ResetRequest  # noqa: E402, F401
