import django.core.validators
import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("telephony", "0012_dial_counts"),
    ]

    operations = [
        migrations.AddField(
            model_name="virtualqueue",
            name="ewt_limit",
            field=models.PositiveIntegerField(
                blank=True,
                help_text="In seconds: the board raises an alarm while a new callback would wait longer. Empty: never.",
                null=True,
                validators=[
                    django.core.validators.MinValueValidator(1),
                    django.core.validators.MaxValueValidator(86400),
                ],
                verbose_name="alarm at an EWT of",
            ),
        ),
        migrations.CreateModel(
            name="ForcedChange",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                ("agent_name", models.CharField(max_length=64, verbose_name="agent's name")),
                ("at", models.DateTimeField()),
                ("by", models.CharField(max_length=150)),
                ("why", models.CharField(max_length=200)),
                ("before", models.CharField(max_length=16, verbose_name="state before")),
                ("before_reason", models.CharField(blank=True, max_length=64)),
                ("state", models.CharField(max_length=16)),
                ("reason", models.CharField(blank=True, max_length=64, verbose_name="reason for not ready")),
                ("is_later", models.BooleanField()),
                ("told_at", models.DateTimeField(null=True)),
                (
                    "agent",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="forced",
                        to="telephony.agent",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["agent", "-id"], name="forced_change_agent"),
                    models.Index(condition=models.Q(("told_at", None)), fields=["agent"], name="forced_change_untold"),
                    models.Index(fields=["at"], name="forced_change_at"),
                ],
                "constraints": [
                    models.CheckConstraint(
                        condition=models.Q(models.Q(("by", ""), _negated=True), models.Q(("why", ""), _negated=True)),
                        name="forced_change_says_who_and_why",
                    )
                ],
            },
        ),
    ]
