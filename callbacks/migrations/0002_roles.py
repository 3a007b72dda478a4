"""The roles of the people who work with callbacks, as groups."""

from django.contrib.auth.management import create_permissions
from django.db import migrations

SUPERVISOR = "Supervisor"
AGENT = "Agent"
SUPERVISORS_MAY = ("view_callback", "view_attempt", "view_journalentry")


def create_roles(apps, schema_editor):
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
    # What agents may do follows from the agent that their user is joined to; the group says who is one.
    Group.objects.using(database).get_or_create(name=AGENT)


class Migration(migrations.Migration):
    dependencies = [
        ("auth", "0012_alter_user_first_name_max_length"),
        ("contenttypes", "0002_remove_content_type_name"),
        ("callbacks", "0001_initial"),
        ("telephony", "0001_initial"),
    ]

    operations = [
        # A group may have been given to people and changed since: going back leaves it alone.
        migrations.RunPython(create_roles, migrations.RunPython.noop),
    ]
