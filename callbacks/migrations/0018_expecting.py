from django.db import migrations, models

STAGES = [
    "new",
    "scheduled",
    "held",
    "awaiting",
    "reserving",
    "previewing",
    "calling_agent",
    "confirming",
    "expecting",
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
    dependencies = [("callbacks", "0017_start_limits")]

    operations = [
        migrations.AlterField(
            model_name="callback",
            name="stage",
            field=models.CharField(choices=[(stage, stage) for stage in STAGES], max_length=16),
        ),
    ]
