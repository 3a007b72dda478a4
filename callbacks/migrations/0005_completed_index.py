from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    # Built beside a running service: the table may be large.
    atomic = False
    dependencies = [("callbacks", "0004_audit_finding")]

    operations = [
        AddIndexConcurrently(
            "callback",
            models.Index(fields=["completed_at"], name="callback_completed", condition=Q(completed_at__isnull=False)),
        )
    ]
