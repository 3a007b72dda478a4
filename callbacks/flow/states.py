"""The public states of a callback and the one table of moves between them."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """`_callback_state` on the wire."""

    SCHEDULED = "SCHEDULED"
    QUEUED = "QUEUED"
    ROUTING = "ROUTING"
    PROCESSING = "PROCESSING"
    PAUSED = "PAUSED"
    COMPLETED = "COMPLETED"


class Reason(StrEnum):
    """`_callback_reason` on the wire; always set with COMPLETED."""

    AGENT_CONNECTED = "AGENT_CONNECTED"
    CANCELLED = "CANCELLED"
    CANCELLED_BY_ADMIN = "CANCELLED_BY_ADMIN"
    # Beyond the vendor: the customer was served another way, and is not called for this any more.
    CANCELLED_SERVED = "CANCELLED_SERVED"
    FAIL_INTERACTION_DELETED = "FAIL_INTERACTION_DELETED"
    FAIL_TARGET_NOT_FOUND = "FAIL_TARGET_NOT_FOUND"
    FAIL_ERROR = "FAIL_ERROR"
    FAIL_TIMEOUT_TTL = "FAIL_TIMEOUT_TTL"
    FAIL_IXN_UNKNOWN_MEDIA_TYPE = "FAIL_IXN_UNKNOWN_MEDIA_TYPE"
    FAIL_NO_CUSTOMER_NUMBER = "FAIL_NO_CUSTOMER_NUMBER"
    FAIL_AGENT_CONNECT = "FAIL_AGENT_CONNECT"
    FAIL_CALL_TO_CUSTOMER = "FAIL_CALL_TO_CUSTOMER"
    FAIL_USER_NO_CONFIRM = "FAIL_USER_NO_CONFIRM"
    FAIL_LOAD_MESSAGE_FILE = "FAIL_LOAD_MESSAGE_FILE"
    # Beyond the vendor: overdue by more than the recovery window, and a number that may not be called.
    FAIL_TOO_LATE = "FAIL_TOO_LATE"
    FAIL_NUMBER_BLOCKED = "FAIL_NUMBER_BLOCKED"
    # As many agents rejected its preview (`_agent_preview_allow_reject`).
    AGENT_PREVIEW_CANCEL_AFTER_1REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_1REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_2REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_2REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_3REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_3REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_4REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_4REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_5REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_5REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_6REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_6REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_7REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_7REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_8REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_8REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_9REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_9REJECTS"
    AGENT_PREVIEW_CANCEL_AFTER_10REJECTS = "AGENT_PREVIEW_CANCEL_AFTER_10REJECTS"

    @classmethod
    def after_rejects(cls, number: int) -> Reason:
        """Given up after that many rejected previews, 1 to 10."""
        return cls(f"AGENT_PREVIEW_CANCEL_AFTER_{number}REJECTS")


MOVES: dict[State, frozenset[State]] = {
    State.SCHEDULED: frozenset({State.QUEUED, State.COMPLETED}),
    # Back to SCHEDULED by another desired time.
    State.QUEUED: frozenset({State.ROUTING, State.PAUSED, State.SCHEDULED, State.COMPLETED}),
    State.PAUSED: frozenset({State.QUEUED, State.SCHEDULED, State.COMPLETED}),
    State.ROUTING: frozenset({State.QUEUED, State.PROCESSING, State.COMPLETED}),
    # Back by what the agent decided after the talk: call again, now or at a time.
    State.PROCESSING: frozenset({State.QUEUED, State.SCHEDULED, State.COMPLETED}),
    State.COMPLETED: frozenset(),
}
