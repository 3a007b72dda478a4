"""How the virtual queues stand and how right their estimates were, for supervisors."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta

from django.db.models import Count

from telephony import measures
from telephony.ewt import HANDLING, REACH
from telephony.measures import Figure
from telephony.models import Prediction, QueueAccuracy, QueueEntry, QueueMeasure, VirtualQueue

What = QueueMeasure.What

# What was told longer ago than that says nothing about now.
RECENT = timedelta(hours=1)


@dataclass
class QueueOverview:
    """One queue: `waiting` in it now, the last prediction of the last hour, what is measured for this hour of the week.

    `accuracies` are those of the last day and week, where anything was settled.
    """

    name: str
    waiting: int = 0
    last: Prediction | None = None
    figures: dict[str, Figure] = field(default_factory=dict)
    accuracies: list[QueueAccuracy] = field(default_factory=list)

    @property
    def handling(self) -> float:
        """Seconds; what is taken for it until it is measured."""
        return self.figures.get(What.HANDLING, Figure(HANDLING.total_seconds(), 0.0, 0)).mean

    @property
    def reach(self) -> float:
        """Seconds; what is taken for it until it is measured."""
        return self.figures.get(What.REACH, Figure(REACH.total_seconds(), 0.0, 0)).mean

    @property
    def no_shows(self) -> float | None:
        return self._share(What.NO_SHOW)

    @property
    def abandoned(self) -> float | None:
        return self._share(What.ABANDONED)

    @property
    def correction(self) -> float:
        found = self.figures.get(What.CORRECTION)
        return found.mean if found else 1.0

    def _share(self, what: str) -> float | None:
        found = self.figures.get(what)
        return found.mean if found else None


def queues(now: datetime) -> list[QueueOverview]:
    """Every virtual queue, by name; five statements, however many there are."""
    found = {name: QueueOverview(name) for name in VirtualQueue.objects.values_list("name", flat=True)}
    for name, number in QueueEntry.objects.filter(paused=False).values_list("queue").annotate(Count("pk")).order_by():
        found.setdefault(name, QueueOverview(name)).waiting = number
    recent = Prediction.objects.filter(made_at__gt=now - RECENT)
    for prediction in recent.order_by("queue", "-made_at").distinct("queue"):
        found.setdefault(prediction.queue, QueueOverview(prediction.queue)).last = prediction
    for accuracy in QueueAccuracy.objects.order_by("queue", "hours"):
        found.setdefault(accuracy.queue, QueueOverview(accuracy.queue)).accuracies.append(accuracy)
    for name, figures in measures.figures(list(found), now).items():
        found[name].figures = figures
    return [found[name] for name in sorted(found)]
