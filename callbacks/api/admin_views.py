"""The administration requests: callbacks by queue, how many are at work, many cancelled at once, who was cancelled."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta
from typing import Any

from django.http import HttpResponse
from django.utils import timezone
from rest_framework.renderers import JSONRenderer
from rest_framework.request import Request
from rest_framework.response import Response
from rest_framework.viewsets import ViewSet

from callbacks import actions, dialogs, queries, sections, spreadsheets
from callbacks.api import access, answers, bodies, errors, headers, lookup, schema_admin, values
from callbacks.api.base import ApiView
from callbacks.api.errors import ApiError
from callbacks.api.records import records
from callbacks.api.written import written_time
from callbacks.flow.states import Reason, State
from callbacks.models import Callback, Limits, limits_of
from services import kinds
from services.kinds import shown
from services.models import ADMIN, ConfiguredService
from services.types import CALLBACK

logger = logging.getLogger(__name__)

MOST_OF_QUEUES = 2000
BEFORE, AFTER = timedelta(minutes=15), timedelta(hours=24)
MOST_CANCELLED = 500
MOST_EXPORTED = 10_000
MOST_COLUMNS = 50
# What can be given as the reason of a cancel, and be asked for in the report.
CANCEL_REASONS = (Reason.CANCELLED_BY_ADMIN, Reason.CANCELLED)
REPORTED_REASONS = (*CANCEL_REASONS, Reason.CANCELLED_SERVED)
FAILED = "FAILURE_MISSING"
_OF_QUEUES = frozenset({"target", "start_time", "end_time", "states", "max", "_"})


class Spaced(JSONRenderer):
    """With a blank behind each colon: clients look for the pairs in the text (wire contract, section 14)."""

    compact = False


class AdminViewSet(ApiView, ViewSet):
    # The permission table.
    scopes = {"queues": ADMIN, "watermarks": ADMIN, "cancel_many": ADMIN, "report_cancelled": ADMIN}

    def get_renderers(self) -> list[Any]:
        return [Spaced()] if self.action == "cancel_many" else super().get_renderers()

    def finalize_response(self, request: Request, response: Any, *args: Any, **kwargs: Any) -> Any:
        is_report = isinstance(response, HttpResponse) and not isinstance(response, Response)
        content_type = response["Content-Type"] if is_report else None
        response = super().finalize_response(request, response, *args, **kwargs)
        if content_type:
            response["Content-Type"] = content_type
        return response

    @schema_admin.QUEUES
    def queues(self, request: Request) -> Response:
        query, now = bodies.from_query(request._request, repeatable=("target",)), timezone.now()
        limits = limits_of(access.client(request))
        filters = _filters(query)
        start, end = _window(query, now)
        services = _services(query.get("target", ""), limits)
        most = values.read_integer("max", query.get("max", str(queries.MOST_RECORDS)), 1, MOST_OF_QUEUES)
        found = queries.by_desired_time(
            start,
            end,
            limits=limits,
            services=list(services) if "target" in query else None,
            wanted=[lookup.read(key, text) for key, text in filters.items()],
            states=_states(query.get("states", "")),
            most=most,
        )
        # Whoever filters is shown what is found; a queue that was asked for by its name is there even if it is empty.
        queues: dict[str, list[dict[str, str]]] = {}
        if "target" in query or not filters:
            queues = {service.name: [] for service in services.values()}
        root = request.build_absolute_uri("/").rstrip("/")
        for record in records(found.callbacks, root):
            queues.setdefault(record["_service_name"], []).append(record)
        response = Response(queues)
        if found.is_cut_off:
            response[headers.LIMIT_REACHED] = str(len(found.callbacks))
        return response

    @schema_admin.WATERMARKS
    def watermarks(self, request: Request) -> Response:
        query = bodies.from_query(request._request, repeatable=("service_name",))
        _check_keys(query, frozenset({"service_name", "_"}))
        services = _services(query.get("service_name", ""), limits_of(access.client(request)))
        counted = queries.at_work(services)
        counts = {service.name: counted.get(pk, 0) for pk, service in services.items()}
        response = Response({"services": counts, "total": sum(counts.values())})
        if any(count >= queries.MOST_COUNTED for count in counts.values()):
            response[headers.LIMIT_REACHED] = str(queries.MOST_COUNTED)
        return response

    @schema_admin.CANCEL_MANY
    def cancel_many(self, request: Request) -> Response:
        _check_enabled()
        key = access.client(request)
        plain, lists = bodies.from_json_with_lists(request._request, ("ids",))
        _check_keys(plain, frozenset({"reason"}))
        reason = _reason("reason", plain, CANCEL_REASONS)
        ids = list(dict.fromkeys(lists.get("ids", [])))
        if not 1 <= len(ids) <= MOST_CANCELLED:
            raise errors.invalid(f"ids has {len(ids)} ids; from 1 to {MOST_CANCELLED} are allowed")
        visible = set(Callback.objects.visible_to_key(key).filter(pk__in=ids).values_list("pk", flat=True))
        actor = access.actor(key)
        return Response([_cancel(each, each in visible, reason, actor) for each in ids])

    @schema_admin.REPORT_CANCELLED
    def report_cancelled(self, request: Request) -> HttpResponse:
        _check_enabled()
        plain, lists = bodies.from_json_with_lists(request._request, ("exported_properties",))
        _check_keys(plain, frozenset({"callback_reason"}))
        reason = _reason("callback_reason", plain, REPORTED_REASONS)
        columns = lists.get("exported_properties") or ["_service_id"]
        if len(columns) > MOST_COLUMNS:
            raise errors.invalid(f"exported_properties has {len(columns)} keys; at most {MOST_COLUMNS} are allowed")
        found = queries.by_reason(reason, limits=limits_of(access.client(request)), most=MOST_EXPORTED)
        rows = ([spreadsheets.said(callback, column) for column in columns] for callback in found.callbacks)
        response = HttpResponse(spreadsheets.lines([columns, *rows]), content_type="text/csv; charset=utf-8")
        response["Content-Disposition"] = f'attachment; filename="{spreadsheets.REPORT}"'
        if found.is_cut_off:
            response[headers.LIMIT_REACHED] = str(len(found.callbacks))
        return response


def _check_enabled() -> None:
    if sections.bulk_is_disabled():
        text = f"Disabled by the option {sections.DISABLE_BULK} in the section [lab]."
        raise ApiError(text, status=403, exception=errors.ACCESS)


def _check_keys(given: Iterable[str], known: frozenset[str]) -> None:
    for key in given:
        if key not in known:
            raise errors.invalid(f"{shown(key)} is not one of {', '.join(sorted(known - {'_'}))}")


def _filters(query: Mapping[str, str]) -> dict[str, str]:
    """What is asked for beside the parameters: a filter that did nothing would show, or have cancelled, too many."""
    given = {key: text for key, text in query.items() if key not in _OF_QUEUES}
    if given:
        known = sections.keys("callback", "filter-keys")
        for key in given:
            if key not in known:
                raise errors.invalid(f"{shown(key)} is neither a parameter nor one of filter-keys in [callback]")
    return given


def _services(names: str, limits: Limits) -> dict[int, ConfiguredService]:
    """The callback services of these names (with commas between), or all that the client sees. Raises ApiError."""
    services = ConfiguredService.objects.of_type(CALLBACK.name).exclude(pk__in=limits.without)
    if limits.only is not None:
        services = services.filter(pk__in=limits.only)
    wanted = [name.strip() for name in names.split(",") if name.strip()]
    for name in wanted:
        if not kinds.SERVICE_NAME.fullmatch(name):
            raise errors.service_not_found(name)
    found = {service.pk: service for service in (services.filter(name__in=wanted) if wanted else services)}
    for name in sorted(set(wanted) - {service.name for service in found.values()}):
        raise errors.service_not_found(name)
    return found


def _window(query: Mapping[str, str], now: datetime) -> tuple[datetime, datetime]:
    """From 15 minutes before now, or before an earlier end, to 24 hours after now, or after a later start."""
    given = {key: values.read_time(key, query[key]) for key in ("start_time", "end_time") if key in query}
    start = given.get("start_time") or min(now, given.get("end_time", now)) - BEFORE
    end = given.get("end_time") or max(now, start) + AFTER
    if end < start:
        raise errors.invalid(f"end_time {written_time(end)} is before start_time {written_time(start)}")
    return start, end


def _states(text: str) -> frozenset[State]:
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in set(State):
            raise errors.invalid(f"states has {shown(name)}; allowed are {', '.join(State)}")
    return frozenset(State(name) for name in names) or frozenset(State)


def _reason(key: str, given: Mapping[str, str], allowed: tuple[Reason, ...]) -> Reason:
    text = given.get(key, allowed[0])
    if text not in allowed:
        raise errors.invalid(f"{key} {shown(text)} is not one of {', '.join(allowed)}")
    return Reason(text)


def _cancel(callback_id: str, is_visible: bool, reason: Reason, actor: str) -> dict[str, str]:
    """Cancel one, in a transaction of its own, and say what came of it, whatever came of the others."""
    try:
        if not is_visible:
            raise actions.NotFound
        actions.cancel(callback_id=callback_id, actor=actor, now=timezone.now(), reason=reason)
    except actions.NotFound:
        text = "The callback is not found."
    except actions.Refused as refused:
        text = str(refused)
    except actions.Busy:
        text = "The callback is being changed by others; try again."
    except Exception:
        logger.exception("callback %s could not be cancelled", callback_id)
        text = "Internal error; the callback was not cancelled."
    else:
        return dialogs.confirmation(callback_id, answers.CANCELLED)
    return {**dialogs.confirmation(callback_id, text), "_ok_title": FAILED}
