"""Who may do what: API keys in `x-api-key`, one table of action and scope a viewset, closed by default."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, cast

from django.conf import settings
from rest_framework import exceptions
from rest_framework.authentication import BaseAuthentication
from rest_framework.permissions import BasePermission
from rest_framework.request import Request
from rest_framework.views import APIView

from services import resolution
from services.models import QUERY, SECTIONS_SQL, START, ApiKey, ConfiguredService
from services.types import CALLBACK

# What `API_ALLOW_ANONYMOUS` opens: what the vendor's system leaves open. Never the administration.
OPEN_TO_ANONYMOUS = frozenset({START, QUERY})
# A browser asks what it may send before it sends the key.
PREFLIGHT = "metadata"
ANONYMOUS = "anonymous client"
_LONGEST_ACTOR = 64


class HasScopes(Protocol):
    """A viewset: `scopes` is its permission table, the scope that each of its actions needs."""

    scopes: dict[str, str]
    action: str | None


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
        return 'ApiKey realm="callbacks", header="x-api-key"'


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
            if settings.API_ALLOW_ANONYMOUS and (scope in OPEN_TO_ANONYMOUS or viewset.action is None):
                return True
            raise exceptions.NotAuthenticated("An API key in the header x-api-key is required.")
        return viewset.action is None or (scope is not None and key.allows(scope))


def client(request: Request) -> ApiKey | None:
    """The client's key; None is the anonymous client."""
    return cast("ApiKey | None", request.auth)


def actor(key: ApiKey | None) -> str:
    """The client as the journal names it."""
    return f"API key {key.name}"[:_LONGEST_ACTOR] if key else ANONYMOUS


def service_of_name(
    name: str, key: ApiKey | None, types: Sequence[str] = (CALLBACK.name,)
) -> tuple[ConfiguredService, bool] | None:
    """The service of this name and of one of these types, and whether the client may use it (`ApiKey.allows`).

    One statement, and written out, because every start request waits for it.
    """
    parameters = [resolution.inherited_sections(), *[key.pk if key else None] * 2, list(types), name]
    for service in ConfiguredService.objects.raw(_SERVICE_OF_NAME, parameters):
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
