"""The page behind the link in a text message, on which a customer says whether to be called now."""

from __future__ import annotations

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils import timezone
from django.utils.translation import gettext_lazy as _
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods
from structlog.contextvars import bind_contextvars

from callbacks import actions, dialogs
from callbacks.flow.options import FLOW_OPTIONS
from callbacks.flow.session import SESSION, Stage
from callbacks.flow.states import State
from callbacks.models import Callback
from callbacks.push import answering

CUSTOMER = "customer"
ASKED = _("An agent is about to be free for you. Shall we call you now?")
LATER = _("We will ask you again later.")
OVER = _("There is nothing to answer any more.")


@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def answer(request: HttpRequest, callback_id: str, signature: str) -> HttpResponse:
    """Show the question; a button answers it. Looking answers nothing: messengers look at links by themselves."""
    callback = Callback.objects.filter(pk=callback_id).first() if answering.is_signed(callback_id, signature) else None
    if callback is None:
        raise Http404
    bind_contextvars(callback=callback_id)
    if request.method == "POST":
        verb = actions.snooze if request.POST.get("answer") == "later" else actions.connect
        try:
            verb(callback_id=callback_id, actor=CUSTOMER, now=timezone.now())
        except (actions.Refused, actions.NotFound):
            pass  # it was answered, or is over: the page says how things stand
        except actions.Busy:
            return render(request, "callbacks/answer.html", {"says": _("Please try again."), "asks": True}, status=503)
        return redirect(request.path)
    return render(request, "callbacks/answer.html", _standing(callback))


def _standing(callback: Callback) -> dict[str, object]:
    """What to show of a callback as it is."""
    if callback.stage == Stage.CONFIRMING:
        texts = dict(FLOW_OPTIONS.validate_python(callback.options).notification.texts)
        return {"says": texts.get("text", ASKED), "ok": texts.get("ok", ""), "asks": True}
    if callback.state == State.COMPLETED:
        return {"says": OVER}
    return {"says": dialogs.COMING if SESSION.validate_python(callback.session).confirmed else LATER}
