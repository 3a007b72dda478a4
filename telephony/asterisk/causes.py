"""Asterisk's hang-up causes (Q.850 numbers, `include/asterisk/causes.h`) in the words of the contract."""

from __future__ import annotations

from telephony.switch import EndCause

# The trunk, not the person: nobody was rung, so the attempt does not count.
TRUNK_CAUSES = frozenset(
    {
        27,  # destination out of order
        34,  # no circuit available
        38,  # network out of order
        41,  # temporary failure
        42,  # switching equipment congestion
    }
)

# Causes of a leg that was never answered. Every one that Asterisk knows is named here.
UNANSWERED = {
    0: EndCause.UNKNOWN,
    1: EndCause.REFUSED,  # unallocated number
    2: EndCause.REFUSED,  # no route to transit network
    3: EndCause.REFUSED,  # no route to destination
    5: EndCause.REFUSED,  # misdialled trunk prefix
    6: EndCause.REFUSED,  # channel unacceptable
    7: EndCause.REFUSED,  # call awarded and delivered elsewhere
    8: EndCause.REFUSED,  # pre-empted
    14: EndCause.REFUSED,  # number ported
    16: EndCause.CANCELLED,  # normal clearing: only our side clears an unanswered call normally
    17: EndCause.BUSY,
    18: EndCause.NO_ANSWER,  # no user responding
    19: EndCause.NO_ANSWER,  # alerting, no answer
    20: EndCause.NO_ANSWER,  # subscriber absent
    21: EndCause.REFUSED,  # call rejected
    22: EndCause.REFUSED,  # number changed
    23: EndCause.REFUSED,  # redirected to a new destination
    26: EndCause.CANCELLED,  # answered elsewhere
    28: EndCause.REFUSED,  # invalid number format
    29: EndCause.REFUSED,  # facility rejected
    30: EndCause.REFUSED,  # response to status enquiry
    31: EndCause.UNKNOWN,  # normal, unspecified
    43: EndCause.REFUSED,  # access information discarded
    44: EndCause.REFUSED,  # requested channel not available
    50: EndCause.REFUSED,  # facility not subscribed
    52: EndCause.REFUSED,  # outgoing calls barred
    54: EndCause.REFUSED,  # incoming calls barred
    57: EndCause.REFUSED,  # bearer capability not authorised
    58: EndCause.REFUSED,  # bearer capability not available
    65: EndCause.REFUSED,  # bearer capability not implemented
    66: EndCause.REFUSED,  # channel type not implemented
    69: EndCause.REFUSED,  # facility not implemented
    81: EndCause.REFUSED,  # invalid call reference
    88: EndCause.REFUSED,  # incompatible destination
    95: EndCause.REFUSED,  # invalid message
    96: EndCause.REFUSED,  # mandatory element missing
    97: EndCause.REFUSED,  # message type not implemented
    98: EndCause.REFUSED,  # wrong message
    99: EndCause.REFUSED,  # element not implemented
    100: EndCause.REFUSED,  # invalid element contents
    101: EndCause.REFUSED,  # wrong call state
    102: EndCause.NO_ANSWER,  # recovery on timer expiry
    103: EndCause.REFUSED,  # mandatory element length
    111: EndCause.REFUSED,  # protocol error
    127: EndCause.REFUSED,  # interworking
    **dict.fromkeys(TRUNK_CAUSES, EndCause.UNREACHABLE),
}

# Without ringing these mean that nothing came back from the trunk at all, unless the far end itself said so.
_SILENCE = frozenset({18, 19, 102})


def end_cause(cause: int, *, answered: bool, rang: bool, far_end_spoke: bool) -> EndCause:
    """Why a leg ended, of every number that Asterisk can give.

    `far_end_spoke`: the end came as a final answer of the other side, not as the dial's time-out. A dead trunk looks
    like "no answer" (19) at the time-out, but without ringing; a phone that is switched off is also 19 without
    ringing, but said so by the far end (SIP 480), and is no fault of the trunk.
    """
    if answered:
        return EndCause.HANGUP
    if cause in _SILENCE and not rang and not (far_end_spoke and cause == 19):
        return EndCause.UNREACHABLE
    return UNANSWERED.get(cause, EndCause.UNKNOWN)
