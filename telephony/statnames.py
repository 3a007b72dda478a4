"""The statistics that an element of a list of targets may be skipped by (`stat_to_check`), and what each says here.

What they are is worked out in `telephony.statistics`; docs/routing.md has the table, and which names of the vendor's
have no meaning here. Pure.
"""

from __future__ import annotations

# Of every target.
OF_ANY_TARGET = {
    "RStatAgentsReadyvoice": "agents of the target who could be given a call now: ready, and their phone is free",
    "RStatAgentsReady": "agents of the target who are ready",
    "RStatAgentsTotal": "agents of the target who are logged in",
}
# Of groups of agents and of places.
OF_GROUPS = {
    "StatAgentsAvailable": "the same as RStatAgentsReadyvoice",
    "StatAgentsBusy": "agents of the target who are reserved, on a call or in wrap-up",
    "StatAgentsInQueueLogin": "the same as RStatAgentsTotal",
    "StatAgentsTotal": "the same as RStatAgentsTotal",
    "StatCallsInQueue": "callbacks of all queues for which the target is looked for, paused ones not counted",
    "StatCallsWaiting": "those of them that want a dial or an agent now",
    "StatEstimatedWaitingTime": "the estimated wait time, in seconds, of one more in the virtual queue",
    "StatExpectedWaitingTime": "the same as StatEstimatedWaitingTime",
    "StatTimeInReadyState": "seconds for which the longest idle of the ready agents has been idle, 0 if none is",
}
