"""Keys that stand in web pages, where everybody can read them: how often they are used, and whether by a person.

docs/widget.md says what an operator does for it, docs/adr/0033-the-widget.md why it is so.
"""

from __future__ import annotations

import json
from urllib.parse import urlencode

from django.conf import settings
from django.utils import timezone
from rest_framework.request import Request
from rest_framework.throttling import BaseThrottle
from rest_framework.views import APIView

from callbacks.api import access
from callbacks.api.errors import ACCESS, UNAVAILABLE, ApiError
from callbacks.limits import public_keys
from callbacks.push import files, post
from callbacks.push.provider import Rejected, Unavailable, Unknown
from callbacksite.signing_in import client_address, counted_address
from services.models import ApiKey

# What the visitor's browser got from the CAPTCHA; a start request carries it.
TOKEN = "X-Captcha-Token"  # noqa: S105 (a header) # nosec B105
LONGEST_TOKEN = 4096
LONGEST_SECRET = 1024
VERIFY_SECONDS = 3.0
_FORM = "application/x-www-form-urlencoded"


class PublicKeyThrottle(BaseThrottle):
    """Counts the requests of a key for web pages by address, and has the CAPTCHA of a start verified."""

    def allow_request(self, request: Request, view: APIView) -> bool:
        key = access.client(request)
        if key is None or not key.is_public:
            return True
        now = timezone.now()
        self._seconds = 60 - now.second
        if public_keys.count(key.pk, counted_address(request._request) or "", now) > key.requests_a_minute:
            return False
        if key.captcha_url and getattr(view, "action", None) == "start":
            _verify(key, request.headers.get(TOKEN, ""), client_address(request._request) or "")
        return True

    def wait(self) -> float:
        return self._seconds


def _verify(key: ApiKey, token: str, address: str) -> None:
    """Ask the provider whether a person solved it (the `siteverify` of hCaptcha, Turnstile and reCAPTCHA).

    Raises ApiError; also where the provider cannot be asked: a CAPTCHA that lets in then keeps nobody out.
    """
    if not token or len(token) > LONGEST_TOKEN:
        text = f"The key asks for a CAPTCHA: send its token in the header {TOKEN}."
        raise ApiError(text, status=403, exception=ACCESS)
    try:
        secret = files.text(settings.PUSH_CREDENTIALS, key.captcha_secret, most=LONGEST_SECRET)
        asked = urlencode({"secret": secret, "response": token, "remoteip": address}).encode()
        answer = post.exchange(key.captcha_url, asked, timeout=VERIFY_SECONDS, content_type=_FORM)
        said = json.loads(answer.body) if answer.status == 200 else None
    except (files.Unreadable, Rejected, Unavailable, Unknown, ValueError):
        said = None
    if not isinstance(said, dict) or "success" not in said:
        text = "The CAPTCHA cannot be verified now. Nothing was stored; try again."
        raise ApiError(text, status=503, exception=UNAVAILABLE)
    if said["success"] is not True:
        raise ApiError("The CAPTCHA was not solved. Solve it again.", status=403, exception=ACCESS)
