from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "scheduling"
    verbose_name = "Scheduling"

    def ready(self) -> None:
        from scheduling import bookings, heartbeats, tick

        tick.register(tick.Sources(slow=[heartbeats.forget_lost, bookings.forget_past]))
