from django.db import migrations, models
from django.db.models import Q
from django.db.models.deletion import CASCADE

from scheduling.hot_tables import keep_small


class Migration(migrations.Migration):
    dependencies = [("callbacks", "0008_start_base")]

    operations = [
        migrations.CreateModel(
            name="Notice",
            fields=[
                (
                    "id",
                    models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID"),
                ),
                ("visit", models.PositiveIntegerField(help_text="The visit of the stage that asked for it.")),
                ("kind", models.CharField(help_text="httpcb or customhttp.", max_length=16)),
                ("device", models.TextField(help_text="Personal data: never logged, never shown.")),
                ("body", models.JSONField()),
                ("attempts", models.PositiveSmallIntegerField(help_text="How often the delivery is tried.")),
                (
                    "attempt",
                    models.PositiveSmallIntegerField(default=0, help_text="The last one that was begun."),
                ),
                (
                    "begun",
                    models.PositiveSmallIntegerField(default=0, help_text="How often that attempt was begun."),
                ),
                (
                    "due_at",
                    models.DateTimeField(help_text="Nobody sends it before: the next attempt, or the end of a claim."),
                ),
                ("look_at", models.DateTimeField()),
                ("looks", models.PositiveSmallIntegerField(default=0)),
                (
                    "callback",
                    models.ForeignKey(on_delete=CASCADE, related_name="notices", to="callbacks.callback"),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["look_at"], name="notice_look")],
                "constraints": [models.CheckConstraint(condition=Q(attempts__gt=0), name="notice_is_tried")],
            },
        ),
        keep_small("callbacks_notice"),
    ]
