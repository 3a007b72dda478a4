from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    # Built beside a running service: the table is large.
    atomic = False
    dependencies = [("callbacks", "0012_agent_first_and_disposition")]

    operations = [
        AddIndexConcurrently(
            "journalentry",
            models.Index(fields=["at"], name="journal_refused", condition=Q(kind__in=["rejected", "lapsed"])),
        ),
    ]
