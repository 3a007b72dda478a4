"""The link in a text message, by which the customer answers on a page: to be called now, or later."""

from __future__ import annotations

from django.urls import reverse
from django.utils.crypto import constant_time_compare, salted_hmac

from services.models import Section

_SALT = "callbacks.push.answering"
# Short enough for a text message; 80 bits cannot be guessed.
_LENGTH = 20


def link(callback_id: str) -> str:
    """The address of the page for a callback; empty where `external_url_base` in [server] does not say where we are."""
    base = external_url_base()
    if not base:
        return ""
    path = reverse("answer", kwargs={"callback_id": callback_id, "signature": signature(callback_id)})
    return base.rstrip("/") + path


def external_url_base() -> str:
    return _text("server", "external_url_base")


def signature(callback_id: str) -> str:
    return salted_hmac(_SALT, callback_id).hexdigest()[:_LENGTH]


def is_signed(callback_id: str, given: str) -> bool:
    """True if this is the signature that our link to the callback has."""
    return constant_time_compare(signature(callback_id), given)


def _text(section: str, key: str) -> str:
    options = Section.objects.filter(name=section).values_list("options", flat=True).first() or {}
    return str(options.get(key, "")).strip()
