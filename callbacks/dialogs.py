"""The vendor's dialogs: what the customer's app is told to show, key by key in the order of the seed documents."""

from __future__ import annotations

COMING = "You will receive the call shortly"
INVITATION = "An agent is about to be free for you"


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


def invitation(callback_id: str) -> dict[str, str]:
    """An agent is about to be free for a customer who calls us: what is pushed.

    `_action` is the request by which the app gets the number to call (REST API reference, *Push*).
    """
    return {**confirmation(callback_id, INVITATION), "_action": "connect"}


def dial_number(callback_id: str, *, number: str, code: str, expires: str) -> dict[str, str]:
    """Call this number, by the time `expires`: the app hands `_tel_url` to its dialler, which types the code after two
    pauses (REST API reference, *Dialog responses*).
    """
    return {
        "_dialog_id": "0",
        "_action": "DialNumber",
        "_tel_url": f"tel:{number}{',,' + code if code else ''}",
        "_label": f"Call {number}",
        "_id": callback_id,
        "_access_number": number,
        **({"_access_code": code} if code else {}),
        "_expiration_time": expires,
    }
