import django.db.models.deletion
from django.db import migrations, models

from scheduling.hot_tables import keep_small


class Migration(migrations.Migration):
    dependencies = [("callbacks", "0016_status_notices"), ("services", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="StartTotal",
            fields=[
                (
                    "service",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to="services.configuredservice",
                    ),
                ),
                ("accepted", models.BigIntegerField()),
                (
                    "second",
                    models.BigIntegerField(help_text="Of the last one, in whole seconds since 1970; it never falls."),
                ),
            ],
        ),
        migrations.CreateModel(
            name="StartSecond",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "service_id", "second", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("second", models.BigIntegerField()),
                ("before", models.BigIntegerField()),
                ("kept_until", models.BigIntegerField(help_text="After this second no window reaches back to it.")),
                (
                    "service",
                    models.ForeignKey(
                        db_constraint=False,
                        db_index=False,
                        on_delete=django.db.models.deletion.DO_NOTHING,
                        related_name="+",
                        to="services.configuredservice",
                    ),
                ),
            ],
            options={"indexes": [models.Index(fields=["kept_until"], name="start_second_kept_until")]},
        ),
        migrations.CreateModel(
            name="ValueCount",
            fields=[
                ("digest", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("accepted", models.IntegerField()),
                ("day", models.DateField(help_text="When it was last counted.")),
            ],
            options={
                "indexes": [models.Index(fields=["day"], name="value_count_day")],
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("accepted__gt", 0)), name="value_count_positive")
                ],
            },
        ),
        migrations.CreateModel(
            name="StartAnswer",
            fields=[
                ("digest", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("request", models.CharField(max_length=32)),
                ("answer", models.TextField(help_text="JSON.")),
                ("created_at", models.DateTimeField()),
            ],
            options={"indexes": [models.Index(fields=["created_at"], name="start_answer_created")]},
        ),
        keep_small("callbacks_starttotal", "callbacks_startsecond", "callbacks_valuecount", "callbacks_startanswer"),
    ]
