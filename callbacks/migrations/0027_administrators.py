from django.db import migrations

ADMINISTRATOR = "Administrator"


def create_role(apps, schema_editor):
    """Its permissions are all there are: they are given after the last migration, here and at every later release
    (callbacks.roles.keep_administrators_whole)."""
    Group = apps.get_model("auth", "Group")
    Group.objects.using(schema_editor.connection.alias).get_or_create(name=ADMINISTRATOR)


class Migration(migrations.Migration):
    dependencies = [
        ("callbacks", "0026_reports"),
    ]

    operations = [
        # A group may have been given to people since: going back leaves it alone.
        migrations.RunPython(create_role, migrations.RunPython.noop),
    ]
