from django.db import migrations

READ_ONLY = "CallbackReadOnly"
# What their pages ask for; none of it changes anything.
MAY = {
    "callbacks": ("view_attempt", "view_callback", "view_journalentry", "view_statusnotice"),
    "telephony": ("view_blockednumber", "view_brakerelease", "view_dialcount"),
}


def create_role(apps, schema_editor):
    """The earlier migrations that gave these permissions to supervisors have made them."""
    database = schema_editor.connection.alias
    Group = apps.get_model("auth", "Group")
    Permission = apps.get_model("auth", "Permission")
    group, _ = Group.objects.using(database).get_or_create(name=READ_ONLY)
    for app, codenames in MAY.items():
        group.permissions.add(
            *Permission.objects.using(database).filter(content_type__app_label=app, codename__in=codenames)
        )


class Migration(migrations.Migration):
    dependencies = [
        ("callbacks", "0021_customer_data_request"),
        ("telephony", "0012_dial_counts"),
    ]

    operations = [
        # A group may have been given to people and changed since: going back leaves it alone.
        migrations.RunPython(create_role, migrations.RunPython.noop),
    ]
