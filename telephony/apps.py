from django.apps import AppConfig


class TelephonyConfig(AppConfig):
    name = "telephony"
    verbose_name = "Telephony"

    def ready(self) -> None:
        from scheduling import tick
        from telephony import due, kinds

        kinds.register()
        tick.register(due.SOURCES)
