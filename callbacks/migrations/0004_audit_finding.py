from django.db import migrations, models
from django.db.models import Q


class Migration(migrations.Migration):
    dependencies = [("callbacks", "0003_hot_tables")]

    operations = [
        migrations.CreateModel(
            name="AuditFinding",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "kind",
                    models.CharField(
                        choices=[
                            ("overdue", "Overdue"),
                            ("orphaned", "Orphaned"),
                            ("rung_twice", "Rung twice"),
                            ("inconsistent", "Inconsistent"),
                            ("reserved", "Agent reserved without reason"),
                        ],
                        max_length=16,
                    ),
                ),
                (
                    "owner",
                    models.CharField(
                        help_text="The callback's id, whether or not it exists.",
                        max_length=96,
                        verbose_name="callback",
                    ),
                ),
                ("detail", models.TextField(help_text="What a supervisor reads.")),
                ("first_seen", models.DateTimeField()),
                ("last_seen", models.DateTimeField()),
                ("gone_at", models.DateTimeField(null=True)),
                ("repaired_at", models.DateTimeField(help_text="Set where a repair mended it.", null=True)),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(
                        fields=["owner", "kind"], condition=Q(gone_at__isnull=True), name="audit_finding_open_once"
                    )
                ],
                "indexes": [
                    models.Index(fields=["gone_at"], name="audit_finding_gone", condition=Q(gone_at__isnull=False))
                ],
            },
        ),
    ]
