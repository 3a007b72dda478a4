from django.db import migrations, models

from scheduling.hot_tables import keep_small


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0002_hot_tables"),
    ]

    operations = [
        migrations.CreateModel(
            name="Heartbeat",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "name", "process", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(help_text="beat, workers/flow, …", max_length=64)),
                ("process", models.CharField(help_text="Host and process number.", max_length=64)),
                ("at", models.DateTimeField()),
            ],
        ),
        migrations.CreateModel(
            name="Total",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "name", "labels", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("name", models.CharField(max_length=128)),
                ("labels", models.CharField(help_text="A JSON object with sorted keys.", max_length=512)),
                ("value", models.FloatField()),
            ],
        ),
        keep_small("scheduling_heartbeat", "scheduling_total"),
    ]
