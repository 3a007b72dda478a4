"""A switch without telephones: invented people who answer, talk and hang up as their number says (docs/simulator.md).

Its calls and everything that is going to happen on them are rows, where the workers that act on it and the process that
listens to it meet; being killed makes it forget nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from telephony import models
    from telephony.switch import Listener, Switch


def connect(row: models.Switch) -> Switch:
    from telephony.simulator.engine import SimulatorSwitch

    return SimulatorSwitch(row.pk)


def listen(row: models.Switch) -> Listener:
    from telephony.simulator.listener import SimulatorListener

    return SimulatorListener(row.pk)
