import django.db.models.deletion
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models
from django.db.models import Q

# The index that Django made for the foreign key; the first two below begin with the same column.
OF_SERVICE = "callbacks_callback_service_id_035f1453"


class Migration(migrations.Migration):
    # Built beside a running service: the table may be large.
    atomic = False
    dependencies = [("callbacks", "0014_push_providers_and_comet")]

    operations = [
        migrations.CreateModel(
            name="LookupKey",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "digest",
                    models.BigIntegerField(help_text="Of key and value: these may be long, and are personal."),
                ),
                ("created_at", models.DateTimeField(help_text="The callback's.")),
                (
                    "callback",
                    models.ForeignKey(
                        db_index=False,
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="lookups",
                        to="callbacks.callback",
                    ),
                ),
            ],
            options={
                "indexes": [models.Index(fields=["digest", "-created_at", "-callback"], name="lookup_key_newest")],
                "constraints": [models.UniqueConstraint(fields=("callback", "digest"), name="lookup_key_once")],
            },
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(fields=["service", "state", "-created_at", "-id"], name="callback_service_newest"),
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(fields=["service", "state", "desired_at", "id"], name="callback_service_desired"),
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(fields=["state", "desired_at", "id"], name="callback_desired"),
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(fields=["reason", "-created_at", "-id"], name="callback_reason", condition=~Q(reason="")),
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(fields=["customer_number"], name="callback_number_live", condition=~Q(state="COMPLETED")),
        ),
        # By itself the change of the field would drop its constraint and check every row anew.
        migrations.SeparateDatabaseAndState(
            database_operations=[
                migrations.RunSQL(
                    f"DROP INDEX CONCURRENTLY IF EXISTS {OF_SERVICE}",
                    f"CREATE INDEX CONCURRENTLY {OF_SERVICE} ON callbacks_callback (service_id)",
                )
            ],
            state_operations=[
                migrations.AlterField(
                    "callback",
                    "service",
                    models.ForeignKey(
                        db_index=False,
                        null=True,
                        on_delete=django.db.models.deletion.SET_NULL,
                        related_name="callbacks",
                        to="services.configuredservice",
                    ),
                )
            ],
        ),
    ]
