"""The vendor's dialogs: what the customer's app is told to show, key by key in the order of the seed documents."""

from __future__ import annotations

COMING = "You will receive the call shortly"


def confirmation(callback_id: str, text: str) -> dict[str, str]:
    """A text to show to the customer, with one button (seed 1, *Response Body*)."""
    return {
        "_dialog_id": "0",
        "_action": "ConfirmationDialog",
        "_text": text,
        "_ok_title": "Ok",
        "_id": callback_id,
    }


def coming(callback_id: str) -> dict[str, str]:
    """Expect a call: the answer to a start, what is pushed, the answer to the confirmation (seed 2, *Connect*)."""
    return confirmation(callback_id, COMING)
