from django.apps import AppConfig


class CallbacksiteConfig(AppConfig):
    name = "callbacksite"

    def ready(self) -> None:
        from callbacksite import checks  # noqa: F401 (importing them registers them)
