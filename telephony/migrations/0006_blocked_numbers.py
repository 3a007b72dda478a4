import django.db.models.functions.datetime
from django.contrib.auth.management import create_permissions
from django.db import migrations, models

# The name under which the migrations of callbacks make the group; whichever of the two runs first makes it.
SUPERVISOR = "Supervisor"
SUPERVISORS_MAY = ("view_blockednumber", "add_blockednumber")


def let_supervisors_block(apps, schema_editor):
    """Permissions are otherwise made only after the last migration, which is too late to give them to anybody."""
    database = schema_editor.connection.alias
    app_config = apps.get_app_config("telephony")
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
        *Permission.objects.using(database).filter(content_type__app_label="telephony", codename__in=SUPERVISORS_MAY)
    )


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("telephony", "0005_queue_measures"),
    ]

    operations = [
        migrations.CreateModel(
            name="BlockedNumber",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "number",
                    models.CharField(help_text="Digits, and a leading + where one is dialled.", max_length=32),
                ),
                ("is_prefix", models.BooleanField(default=False, verbose_name="all numbers that begin so")),
                (
                    "until",
                    models.DateTimeField(blank=True, help_text="Called again from then on. Empty: never.", null=True),
                ),
                (
                    "reason",
                    models.CharField(
                        help_text="Why, for whoever wonders why a customer was not called.", max_length=200
                    ),
                ),
                ("created_by", models.CharField(editable=False, max_length=150, verbose_name="by")),
                (
                    "created_at",
                    models.DateTimeField(
                        db_default=django.db.models.functions.datetime.Now(), editable=False, verbose_name="since"
                    ),
                ),
            ],
            options={
                "ordering": ["-created_at", "-pk"],
                "indexes": [models.Index(fields=["number"], name="blocked_number")],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(("number__regex", "^\\+?[0-9]{1,31}$")), name="blocked_number_is_digits"
                    ),
                    models.CheckConstraint(
                        condition=models.Q(("reason", ""), _negated=True), name="blocked_number_has_a_reason"
                    ),
                ],
            },
        ),
        # A group may have been given to people and changed since: going back leaves it alone.
        migrations.RunPython(let_supervisors_block, migrations.RunPython.noop),
    ]
