from django.contrib.auth.management import create_permissions
from django.db import migrations

SUPERVISOR = "Supervisor"
SUPERVISORS_MAY = ("change_callback", "see_numbers")


def let_supervisors_steer(apps, schema_editor):
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
        ("callbacks", "0023_start_total_queued"),
    ]

    operations = [
        migrations.AlterModelOptions(
            name="callback",
            options={"permissions": [("see_numbers", "Can see customers' numbers in full")]},
        ),
        # A group may have been given to people and changed since: going back leaves it alone.
        migrations.RunPython(let_supervisors_steer, migrations.RunPython.noop),
    ]
