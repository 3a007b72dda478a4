"""The way from a configured switch to its engine. The only place that knows which kinds of engine there are."""

from __future__ import annotations

from telephony import models
from telephony.switch import Listener, Switch


def connect(row: models.Switch) -> Switch:
    """The verbs of the switch that this row configures."""
    if row.kind == models.Switch.Kind.ASTERISK:
        from telephony import asterisk

        return asterisk.connect(row)
    from telephony import simulator

    return simulator.connect(row)


def listen(row: models.Switch) -> Listener:
    """The reader of its events, for the holder of its lease."""
    if row.kind == models.Switch.Kind.ASTERISK:
        from telephony import asterisk

        return asterisk.listen(row)
    from telephony import simulator

    return simulator.listen(row)
