from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    # Built beside a running service: the table may be large.
    atomic = False
    dependencies = [("callbacks", "0007_validate_live_has_service")]

    operations = [
        migrations.AddField("callback", "start_base", models.DateTimeField(null=True)),
        AddIndexConcurrently(
            "callback",
            models.Index(fields=["queue", "start_base"], name="callback_start", condition=Q(start_base__isnull=False)),
        ),
    ]
