from django.apps import AppConfig


class CallbacksiteConfig(AppConfig):
    name = "callbacksite"

    def ready(self) -> None:
        from callbacks.api import status
        from callbacksite import checks, health  # noqa: F401 (importing checks registers them)

        status.register(health.is_ready)
