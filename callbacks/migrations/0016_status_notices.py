from django.contrib.auth.management import create_permissions
from django.db import migrations, models

from scheduling.hot_tables import keep_small

SUPERVISOR = "Supervisor"
SUPERVISORS_MAY = ("view_statusnotice", "change_statusnotice")


def let_supervisors_resend(apps, schema_editor):
    """Permissions are otherwise made only after the last migration, which is too late to give them to anybody."""
    database = schema_editor.connection.alias
    app_config = apps.get_app_config("callbacks")
    # The app of a migration has no module, and one without is taken for an app without models.
    models_module, app_config.models_module = getattr(app_config, "models_module", None), True
    try:
        create_permissions(app_config, verbosity=0, using=database, apps=apps)
    finally:
        app_config.models_module = models_module

    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    supervisor, _ = Group.objects.using(database).get_or_create(name=SUPERVISOR)
    supervisor.permissions.add(
        *Permission.objects.using(database).filter(content_type__app_label="callbacks", codename__in=SUPERVISORS_MAY)
    )


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("callbacks", "0015_query_indexes"),
    ]

    operations = [
        migrations.CreateModel(
            name="StatusReceiver",
            fields=[
                (
                    "name",
                    models.CharField(
                        help_text="Scheme, host and port.", max_length=300, primary_key=True, serialize=False
                    ),
                ),
                ("failures", models.PositiveIntegerField(default=0, help_text="How often in a row it did not answer.")),
                ("rests_until", models.DateTimeField(help_text="Nothing is sent to it before.", null=True)),
                ("look_at", models.DateTimeField()),
                ("looks", models.PositiveSmallIntegerField(default=0)),
            ],
        ),
        migrations.CreateModel(
            name="StatusNotice",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("callback", models.CharField(help_text="Its id, whether or not it still exists.", max_length=64)),
                ("service_name", models.CharField(max_length=64, verbose_name="service")),
                ("event", models.CharField(max_length=64)),
                ("receiver", models.CharField(help_text="Scheme, host and port of the address.", max_length=300)),
                ("target", models.TextField(help_text="The address.")),
                ("body", models.TextField(blank=True)),
                (
                    "state",
                    models.CharField(
                        choices=[("pending", "Pending"), ("delivered", "Delivered"), ("parked", "Parked")],
                        default="pending",
                        max_length=9,
                    ),
                ),
                ("made_at", models.DateTimeField(verbose_name="made")),
                (
                    "give_up_at",
                    models.DateTimeField(help_text="The last attempt is made then; after it the notice is parked."),
                ),
                (
                    "most_attempts",
                    models.PositiveSmallIntegerField(default=0, help_text="Parked after so many; 0: no limit."),
                ),
                ("attempt", models.PositiveSmallIntegerField(default=0, verbose_name="attempts")),
                (
                    "due_at",
                    models.DateTimeField(help_text="Nobody sends it before: the next attempt, or the end of a claim."),
                ),
                (
                    "claimed_until",
                    models.DateTimeField(help_text="Set while a worker sends it; names the claim.", null=True),
                ),
                (
                    "reason",
                    models.CharField(blank=True, help_text="What went wrong at the last attempt.", max_length=200),
                ),
                ("settled_at", models.DateTimeField(help_text="When it was delivered or parked.", null=True)),
                (
                    "resent_by",
                    models.CharField(blank=True, help_text="Who last had a parked one sent again.", max_length=150),
                ),
            ],
            options={
                "indexes": [
                    models.Index(
                        condition=models.Q(("state", "pending")),
                        fields=["receiver", "due_at", "id"],
                        name="status_notice_due",
                    ),
                    models.Index(
                        condition=models.Q(("state", "pending")), fields=["callback", "id"], name="status_notice_line"
                    ),
                    models.Index(fields=["callback", "-id"], name="status_notice_story"),
                    models.Index(condition=models.Q(("state", "parked")), fields=["-id"], name="status_notice_parked"),
                    models.Index(
                        condition=models.Q(("state", "pending"), _negated=True),
                        fields=["state", "settled_at"],
                        name="status_notice_old",
                    ),
                    models.Index(
                        condition=models.Q(("state", "pending")), fields=["give_up_at"], name="status_notice_give_up"
                    ),
                    models.Index(
                        condition=models.Q(("claimed_until", None), _negated=True),
                        fields=["receiver"],
                        name="status_notice_claimed",
                    ),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(
                            models.Q(("settled_at__isnull", True), ("state", "pending")),
                            models.Q(
                                ("claimed_until__isnull", True),
                                ("settled_at__isnull", False),
                                ("state__in", ["delivered", "parked"]),
                            ),
                            _connector="OR",
                        ),
                        name="status_notice_settled",
                    )
                ],
            },
        ),
        keep_small("callbacks_statusnotice", "callbacks_statusreceiver"),
        # A group may have been given to people and changed since: going back leaves it alone.
        migrations.RunPython(let_supervisors_resend, migrations.RunPython.noop),
    ]
