from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

STAGES = [
    "new",
    "scheduled",
    "held",
    "awaiting",
    "reserving",
    "previewing",
    "calling_agent",
    "confirming",
    "dialling",
    "ringing",
    "detecting",
    "message",
    "greeting",
    "waiting",
    "connecting",
    "joining",
    "talking",
    "disposition",
    "apology",
    "retrying",
    "paused",
    "ended",
]


class Migration(migrations.Migration):
    # Built beside a running service: the table may be large.
    atomic = False
    dependencies = [("callbacks", "0011_stages")]

    operations = [
        migrations.AlterField(
            model_name="callback",
            name="stage",
            field=models.CharField(choices=[(stage, stage) for stage in STAGES], max_length=16),
        ),
        AddIndexConcurrently(
            "attempt",
            models.Index(fields=["agent", "-began_at"], name="attempt_agent", condition=~Q(agent="")),
        ),
    ]
