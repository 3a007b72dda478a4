from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    # Built beside a running service: the table may be large.
    atomic = False
    dependencies = [("callbacks", "0009_notice")]

    operations = [
        AddIndexConcurrently(
            "callback",
            models.Index(fields=["expires_at"], name="callback_expiring", condition=~Q(state="COMPLETED")),
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(fields=["expires_at"], name="callback_removable", condition=Q(state="COMPLETED")),
        ),
        RemoveIndexConcurrently("callback", "callback_expiry"),
    ]
