from django.apps import AppConfig


class CallbacksConfig(AppConfig):
    name = "callbacks"
    verbose_name = "Callbacks"

    def ready(self) -> None:
        from django.db.models.signals import post_migrate

        from callbacks import due, owner, roles
        from callbacks.push import remarks
        from scheduling import tick, timers
        from services import previews, readiness, uses
        from telephony import upwards

        upwards.register(owner.CallbackOwner())
        timers.register(due.on_timers)
        tick.register(due.SOURCES)
        uses.register(owner.live_callbacks)
        readiness.register(remarks.of_services)
        previews.register_section(remarks.of_section)
        # Behind the receiver that makes the permissions of this app, which is the last one that has any.
        post_migrate.connect(roles.keep_administrators_whole, sender=self, dispatch_uid="callbacks.roles")
