from django.apps import AppConfig


class ServicesConfig(AppConfig):
    name = "services"
    verbose_name = "Services"

    def ready(self) -> None:
        from django.contrib.auth.signals import user_logged_in

        from services import people
        from services.configuration import parts

        parts.register_parts()
        user_logged_in.connect(people.remember_zone, dispatch_uid="services.people.remember_zone")
