from django.apps import AppConfig


class SchedulingConfig(AppConfig):
    name = "scheduling"
    verbose_name = "Scheduling"

    def ready(self) -> None:
        from scheduling import blocks, bookings, heartbeats, preview, remarks, tick
        from services import readiness

        tick.register(tick.Sources(slow=[heartbeats.forget_lost, bookings.forget_past, blocks.forget_past]))
        preview.register()
        readiness.register(remarks.calling_windows)
