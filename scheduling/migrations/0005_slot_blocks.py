from django.db import migrations, models
from django.db.models import F, Q
from django.db.models.deletion import CASCADE


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0004_bookings"),
        ("services", "0003_public_keys"),
    ]

    operations = [
        migrations.CreateModel(
            name="SlotBlock",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "service",
                    models.ForeignKey(
                        db_index=False, on_delete=CASCADE, related_name="+", to="services.configuredservice"
                    ),
                ),
                ("start", models.DateTimeField()),
                ("end", models.DateTimeField()),
                ("reason", models.CharField(max_length=500)),
                ("actor", models.CharField(help_text="Who: a user.", max_length=150)),
                ("at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(fields=["service", "start"], name="slot_block_one_per_start"),
                    models.CheckConstraint(condition=Q(end__gt=F("start")), name="slot_block_ends_after_its_start"),
                    models.CheckConstraint(condition=~Q(reason=""), name="slot_block_says_why"),
                ],
                "indexes": [models.Index(fields=["end"], name="slot_block_end")],
            },
        ),
    ]
