from django.apps import AppConfig


class TelephonyConfig(AppConfig):
    name = "telephony"
    verbose_name = "Telephony"

    def ready(self) -> None:
        from scheduling import tick
        from services import readiness
        from telephony import configuration, due, kinds, preview, remarks

        kinds.register()
        configuration.register()
        preview.register()
        readiness.register(remarks.unreached_targets)
        readiness.register(remarks.numbers_to_call)
        tick.register(due.SOURCES)
