"""Who may do what: one table of action and scope a viewset, closed by default (docs/adr/0032-who-may-do-what.md).

A client is one of three, and `client(request)` says which:

- who sends an API key in `x-api-key`: the stored `ApiKey`, with its scopes and the services to which it is limited;
- who sends a name and a password (HTTP Basic) that open something: an `ApiKey` that is not stored and has no `pk`, with
  the scopes of `OPEN_TO_ANONYMOUS`, limited to what the two open (`ApiKey.opened`);
- who sends neither: None, let in only by API_ALLOW_ANONYMOUS, and only to what asks for no password.

Services are reached through `service_of_name`, callbacks through `visible_to_key` and `demand`; both refuse what asks
for another password. A request that concerns no service is judged by the section `[server]`, in `ScopeOfAction`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

from django.conf import settings
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from callbacks.api import basic
from services import credentials, resolution
from services.models import QUERY, SECTIONS_SQL, START, ApiKey, ConfiguredService
from services.types import CALLBACK

# What `API_ALLOW_ANONYMOUS` opens: what the vendor's system leaves open. Never the administration.
OPEN_TO_ANONYMOUS = frozenset({START, QUERY})
# A browser asks what it may send before it sends the key.
PREFLIGHT = "metadata"
ANONYMOUS = "anonymous client"
KEY_CHALLENGE = 'ApiKey realm="callbacks", header="x-api-key"'
BASIC_CHALLENGE = 'Basic realm="callbacks", charset="UTF-8"'
# Parts of an address that name a service, or a callback and so its service.
_CONCERNS = frozenset({"name", "callback_id"})
_NEEDED = "An API key in the header x-api-key is required."
_WRONG = "The user name or the password is wrong."
_NEEDED_WITH_BASIC = "A user name and a password, or an API key in the header x-api-key, are required."
_LONGEST_ACTOR = 64


class HasScopes(Protocol):
    """A viewset: `scopes` is its permission table, the scope that each of its actions needs."""

    scopes: dict[str, str]
    action: str | None
    kwargs: dict[str, Any]


class NotLetIn(exceptions.NotAuthenticated):
    """Nobody, or somebody whose credentials do not open what was asked for; `challenge` says what would."""

    def __init__(self, *, wrong: bool, asked: bool) -> None:
        super().__init__(_NEEDED_WITH_BASIC if asked and not wrong else _WRONG if asked else _NEEDED)
        self.challenge = BASIC_CHALLENGE if asked else KEY_CHALLENGE


class ApiKeyAuthentication(BaseAuthentication):
    """The key is the credential, also for browsers: no cookie lets anybody in."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        text = request.META.get("HTTP_X_API_KEY")
        if text is None:
            return None
        try:
            return None, ApiKey.objects.get_from_key(text)
        except ApiKey.DoesNotExist:
            raise exceptions.AuthenticationFailed("The API key in x-api-key cannot be used.") from None

    def authenticate_header(self, request: Request) -> str:
        return KEY_CHALLENGE


class NameAndPassword(BaseAuthentication):
    """HTTP Basic, where no key was sent; costs the statement that the key would have cost."""

    def authenticate(self, request: Request) -> tuple[None, ApiKey] | None:
        header = request.META.get("HTTP_AUTHORIZATION", "")
        if header[:6].lower() != "basic ":
            return None
        if _comes_from_another_page(request):
            raise exceptions.PermissionDenied
        given = basic.read(header)
        opened = credentials.opened(given, unasked=settings.API_ALLOW_ANONYMOUS)
        if opened.is_nothing:
            raise NotLetIn(wrong=True, asked=opened.is_asked)
        name = f"user {given.username}" if given else ANONYMOUS
        client = ApiKey(name=name, scopes=sorted(OPEN_TO_ANONYMOUS))
        client.opened = opened
        return None, client


def _comes_from_another_page(request: Request) -> bool:
    """True if a page of an origin that is not listed had the browser send it.

    Unlike a key, a browser adds a password that it knows to whatever such a page asks for; forms need no preflight.
    """
    origin = request.META.get("HTTP_ORIGIN")
    own = f"{request.scheme}://{request.get_host()}"
    return origin is not None and origin != own and origin not in settings.CORS_ALLOWED_ORIGINS


class ScopeOfAction(BasePermission):
    """Allows an action to who has its scope, in the table of the viewset. An action without an entry is closed."""

    def has_permission(self, request: Request, view: APIView) -> bool:
        viewset = cast(HasScopes, view)
        if viewset.action == PREFLIGHT:
            return True
        key = client(request)
        # A method that the address does not know has no action: whoever is known may hear so.
        scope = viewset.scopes.get(viewset.action) if viewset.action else None
        if key is None:
            return _lets_anonymous_in(viewset, scope)
        if scope == START and key.opened and not _CONCERNS & view.kwargs.keys() and not key.opened.others:
            raise NotLetIn(wrong=True, asked=True)
        return viewset.action is None or (scope is not None and key.allows(scope))


def _lets_anonymous_in(viewset: HasScopes, scope: str | None) -> bool:
    """True where API_ALLOW_ANONYMOUS does and, for what concerns no service, `[server]` asks for no password.

    Raises NotLetIn.
    """
    if settings.API_ALLOW_ANONYMOUS and (scope in OPEN_TO_ANONYMOUS or viewset.action is None):
        if _CONCERNS & viewset.kwargs.keys():
            return True
        opened = credentials.opened(None, unasked=True)
        if opened.others:
            return True
    else:
        opened = credentials.opened(None, unasked=False)
    raise NotLetIn(wrong=False, asked=opened.is_asked and scope in OPEN_TO_ANONYMOUS)


def client(request: Request) -> ApiKey | None:
    """The client's key, or what stands for a name and password; None is the anonymous client."""
    return cast("ApiKey | None", request.auth)


def actor(key: ApiKey | None) -> str:
    """The client as the journal names it."""
    if key is None:
        return ANONYMOUS
    return (f"API key {key.name}" if key.opened is None else key.name)[:_LONGEST_ACTOR]


def demand(service: ConfiguredService | None, key: ApiKey | None) -> None:
    """Refuse who has no key and does not open this service; None is one that was deleted. Raises NotLetIn."""
    if key is not None:
        if key.opened and not key.opened.service(service.pk if service else None):
            raise NotLetIn(wrong=True, asked=True)
    elif service is None:
        if not credentials.opened(None, unasked=True).others:
            raise NotLetIn(wrong=False, asked=True)
    elif not credentials.is_open(service, None, unasked=True):
        raise NotLetIn(wrong=False, asked=True)


def service_of_name(
    name: str, key: ApiKey | None, types: Sequence[str] = (CALLBACK.name,)
) -> tuple[ConfiguredService, bool] | None:
    """The service of this name and of one of these types, and whether the client may use it (`ApiKey.allows`).

    One statement, and written out, because every start request waits for it. Raises NotLetIn, where it asks for a
    password that the client did not send.
    """
    parameters = [resolution.inherited_sections(), *[key.pk if key else None] * 2, list(types), name]
    for service in ConfiguredService.objects.raw(_SERVICE_OF_NAME, parameters):
        demand(service, key)
        return service, service.is_open  # type: ignore[attr-defined]
    return None


# Nothing but fixed texts is put together here.
_SERVICE_OF_NAME = f"""
    SELECT service.*,
           {SECTIONS_SQL} AS sections_read,
           NOT EXISTS (SELECT FROM services_apikeyservice WHERE api_key_id = %s)
           OR EXISTS (SELECT FROM services_apikeyservice WHERE api_key_id = %s AND service_id = service.id)
           AS is_open
    FROM services_configuredservice AS service
    WHERE type = ANY(%s) AND name = %s
"""  # noqa: S608
