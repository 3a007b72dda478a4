import django.db.models.deletion
from django.db import migrations, models

from scheduling.hot_tables import keep_small


class Migration(migrations.Migration):
    dependencies = [
        ("telephony", "0010_access_bookings"),
    ]

    operations = [
        migrations.CreateModel(
            name="ArrivedCall",
            fields=[
                (
                    "leg",
                    models.CharField(
                        help_text="The switch's id of it.", max_length=96, primary_key=True, serialize=False
                    ),
                ),
                ("called", models.CharField(max_length=64)),
                ("caller", models.CharField(blank=True, help_text="Empty: withheld.", max_length=64)),
                ("arrived_at", models.DateTimeField()),
                (
                    "step",
                    models.CharField(
                        choices=[
                            ("asked", "Asked for a code"),
                            ("offered", "Matched; its owner decides"),
                            ("refused", "Hears why, then is hung up"),
                        ],
                        max_length=8,
                    ),
                ),
                ("digits", models.CharField(blank=True, help_text="What was typed of a code so far.", max_length=32)),
                ("wrong", models.PositiveSmallIntegerField(default=0, help_text="Wrong or missing codes.")),
                ("says", models.CharField(blank=True, help_text="What it is to hear; empty: nothing.", max_length=64)),
                ("number", models.PositiveIntegerField(default=0)),
                ("said", models.PositiveIntegerField(default=0)),
                ("changed_at", models.DateTimeField()),
                ("deadline", models.DateTimeField()),
                ("switch", models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, to="telephony.switch")),
            ],
        ),
        keep_small("telephony_arrivedcall"),
    ]
