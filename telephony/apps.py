from django.apps import AppConfig


class TelephonyConfig(AppConfig):
    name = "telephony"
    verbose_name = "Telephony"

    def ready(self) -> None:
        from scheduling import tick
        from telephony import configuration, due, kinds, preview

        kinds.register()
        configuration.register()
        preview.register()
        tick.register(due.SOURCES)
