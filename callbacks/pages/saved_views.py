"""Views of the list that people keep: save one, rename it, share it, delete it. Only its owner changes one."""

from __future__ import annotations

from django.contrib import messages
from django.db import IntegrityError, transaction
from django.http import HttpRequest, HttpResponse, QueryDict
from django.shortcuts import get_object_or_404, redirect
from django.utils import timezone
from django.utils.translation import gettext as _
from django.views.decorators.http import require_POST

from callbacks.list_models import SavedView
from callbacks.pages.access import looks
from callbacks.pages.callback_list import url_of
from callbacks.pages.view import View

# A person's list of views stays one that can be read.
MOST_VIEWS = 50


@require_POST
@looks
def save(request: HttpRequest) -> HttpResponse:
    """Keep the view of the address under a name; the same name again replaces what it said."""
    view = View.read(QueryDict(request.POST.get("view", "")), user=request.user, now=timezone.now())
    name = _name(request)
    mine = SavedView.objects.filter(owner=request.user.pk)
    if view.errors:
        messages.error(request, _("Not saved: the view has errors."))
    elif view.has_number:
        messages.error(request, _("Not saved: a customer's number is not kept. Take it out of the view first."))
    elif not name:
        messages.error(request, _("Not saved: the view needs a name of at most 60 characters."))
    elif mine.exclude(name=name).count() >= MOST_VIEWS:
        messages.error(request, _("Not saved: delete one of your views first, there are %d.") % MOST_VIEWS)
    else:
        said = {"query": view.query, "is_shared": "shared" in request.POST}
        mine.update_or_create(
            name=name, owner_id=request.user.pk, defaults=said, create_defaults={**said, "created_at": timezone.now()}
        )
        messages.success(request, _("The view “%(name)s” is saved.") % {"name": name})
    return redirect(url_of(view))


@require_POST
@looks
def change(request: HttpRequest, pk: int) -> HttpResponse:
    """Rename one's own view, share it or stop sharing it."""
    saved = get_object_or_404(SavedView, pk=pk, owner=request.user.pk)
    name = _name(request)
    saved.name, saved.is_shared = name or saved.name, "shared" in request.POST
    try:
        if not name:
            messages.error(request, _("Not renamed: the view needs a name of at most 60 characters."))
        else:
            with transaction.atomic():
                saved.save(update_fields=["name", "is_shared"])
            messages.success(request, _("The view “%(name)s” is changed.") % {"name": name})
    except IntegrityError:
        messages.error(request, _("Not renamed: you have another view of the name “%(name)s”.") % {"name": name})
    return _back(request)


@require_POST
@looks
def delete(request: HttpRequest, pk: int) -> HttpResponse:
    saved = get_object_or_404(SavedView, pk=pk, owner=request.user.pk)
    saved.delete()
    messages.success(request, _("The view “%(name)s” is deleted.") % {"name": saved.name})
    return _back(request)


def _name(request: HttpRequest) -> str:
    """The name that was typed, empty where it is none."""
    name = " ".join(request.POST.get("name", "").replace("\0", "").split())
    return name if len(name) <= 60 else ""


def _back(request: HttpRequest) -> HttpResponse:
    """To the list as it was."""
    return redirect(url_of(View.read(QueryDict(request.POST.get("view", "")), user=request.user, now=timezone.now())))
