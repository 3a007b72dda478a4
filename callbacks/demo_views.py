"""The demo's web page, with the widget in it; it is there once `manage.py demo load` has made its key."""

from __future__ import annotations

from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import render
from django.templatetags.static import static
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from callbacks import demo
from services.models import ApiKey


@require_safe
@never_cache
def page(request: HttpRequest) -> HttpResponse:
    key = ApiKey.objects.filter(name=demo.PAGE_KEY_NAME, is_public=True, revoked=False).first()
    if key is None:
        raise Http404
    context = {
        "key": key.public_text,
        "service": demo.IMMEDIATE,
        "api": f"/{settings.API_BASE_PATH}",
        "script": request.build_absolute_uri(static("widget/callbacksite.js")),
    }
    return render(request, "demo/page.html", context)
