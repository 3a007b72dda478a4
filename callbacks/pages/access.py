"""Who may open a page: everybody who may look at callbacks, or only those who may steer them as well."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.contrib.auth.decorators import login_required, permission_required
from django.http.response import HttpResponseBase
from django.views.decorators.cache import never_cache

LOOK = "callbacks.view_callback"
ACT = "callbacks.change_callback"
SEE_NUMBERS = "callbacks.see_numbers"

View = Callable[..., HttpResponseBase]


def looks(view: View) -> View:
    """For whoever may look at callbacks: supervisors, also read-only ones, and administrators."""
    return _for(LOOK, view)


def acts(view: View) -> View:
    """For whoever may steer callbacks, which is more than to look at them."""
    return _for(LOOK, _for(ACT, view))


def _for(permission: str, view: View) -> View:
    checked: Any = permission_required(permission, raise_exception=True)(view)
    allowed: View = never_cache(login_required(checked))
    return allowed
