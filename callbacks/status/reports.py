"""What may be told of a callback, and what a service wants told. Pure."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Told(StrEnum):
    """The events of the reference (ui-and-notifications 10.2), in the order in which one step tells several of them."""

    RESCHEDULED = "_cbe_on_callback_rescheduled"
    SCHEDULED = "_cbe_on_callback_scheduled"
    SUBMITTED = "_cbe_on_callback_submitted"
    SERVICE_CREATE = "_cbe_on_service_create"
    VIRTUAL_IXN_CREATE = "_cbe_on_virtual_ixn_create"
    TARGET_FOUND = "_cbe_on_target_found"
    REMINDER = "_cbe_on_callback_reminder"
    DIAL_INIT = "_cbe_on_dial_init"
    DIAL_DONE = "_cbe_on_dial_done"
    CONNECT_TREATMENT_START = "_cbe_on_connect_treatment_start"
    CUSTOMER_QUEUED = "_cbe_on_customer_queued"
    ROUTE_TO_AGENT = "_cbe_on_route_to_agent"
    SUBMIT_FAILED = "_cbe_on_callback_submit_failed"
    PROCESSING_FAILED = "_cbe_on_callback_processing_failed"
    CANCELLED = "_cbe_on_callback_cancelled"
    QUEUED = "_cbe_on_callback_queued"
    STATUS_UPDATED = "_cbe_on_callback_status_updated"
    SERVICE_EXIT = "_cbe_on_service_exit"


_OF_THE_RECORD = ("_service_id", "_service_name", "_desired_time", "_customer_number", "_v_queue")

# The keys that an event is told with where no list says so (wire contract, section 8).
KEYS: dict[Told, tuple[str, ...]] = {
    Told.SERVICE_CREATE: ("_service_id", "_service_name", "_customer_number", "_urs_virtual_queue"),
    Told.VIRTUAL_IXN_CREATE: ("_service_id", "_service_name"),
    Told.TARGET_FOUND: ("_service_id", "_service_name", "_agent"),
    Told.DIAL_INIT: ("_service_id", "_service_name", "_customer_number", "_c_dialed_number"),
    Told.DIAL_DONE: ("_service_id", "_service_name", "_c_dialed_number", "_dial_result"),
    Told.CONNECT_TREATMENT_START: ("_service_id", "_service_name", "_vq_for_outbound_calls", "_c_dialed_number"),
    Told.CUSTOMER_QUEUED: ("_service_id", "_service_name", "_urs_virtual_queue"),
    Told.ROUTE_TO_AGENT: ("_service_id", "_service_name", "_agent"),
    Told.SERVICE_EXIT: ("_service_id", "_service_name", "_c_dialed_number", "_c_termination_type"),
    Told.STATUS_UPDATED: (*_OF_THE_RECORD, "_callback_state", "_callback_reason"),
    Told.SUBMIT_FAILED: (*_OF_THE_RECORD, "_callback_reason"),
    Told.PROCESSING_FAILED: (*_OF_THE_RECORD, "_callback_reason"),
    **dict.fromkeys(
        (Told.RESCHEDULED, Told.SCHEDULED, Told.SUBMITTED, Told.QUEUED, Told.CANCELLED, Told.REMINDER), _OF_THE_RECORD
    ),
}

# What is told where no list is named.
DEFAULT_EVENTS = (
    Told.SERVICE_CREATE,
    Told.VIRTUAL_IXN_CREATE,
    Told.TARGET_FOUND,
    Told.DIAL_INIT,
    Told.DIAL_DONE,
    Told.CONNECT_TREATMENT_START,
    Told.CUSTOMER_QUEUED,
    Told.ROUTE_TO_AGENT,
    Told.SERVICE_EXIT,
)


@dataclass(frozen=True)
class Reports:
    """What is told of a callback, and to whom: frozen with the options of its execution (docs/adr/0031).

    `events` pairs each event that is told with the keys that it is told with. `attempts` is how often a delivery is
    tried at most, 0 for as often as a day allows. Of a callback for later they are reminded `remind_seconds` before its
    time, 0 for never. `outbound_queue` is `_vq_for_outbound_calls`, which is only told.
    """

    target: str
    events: tuple[tuple[str, tuple[str, ...]], ...]
    attempts: int = 0
    remind_seconds: int = 0
    outbound_queue: str = ""

    def keys(self, event: Told) -> tuple[str, ...] | None:
        """The keys with which this event is told; None where it is not told."""
        return next((keys for name, keys in self.events if name == event), None)
