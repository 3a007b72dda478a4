from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.operations import AddIndexConcurrently, RemoveIndexConcurrently
from django.db import migrations, models

# The index that Django made for prefixes of ids, which nobody looks for.
OF_PREFIXES = "callbacks_callback_id_f28b389c_like"


class Migration(migrations.Migration):
    # Built beside a running service: the table may be large.
    atomic = False
    dependencies = [("callbacks", "0028_saved_views")]

    operations = [
        AddIndexConcurrently(
            "callback",
            models.Index(
                fields=["service", "state", "desired_at", "id"],
                name="callback_of_service",
                include=["reason", "queue", "agent"],
            ),
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(
                fields=["state", "desired_at", "id"],
                name="callback_of_state",
                include=["service", "reason", "queue", "agent"],
            ),
        ),
        # What the first two do as well.
        RemoveIndexConcurrently("callback", "callback_service_desired"),
        RemoveIndexConcurrently("callback", "callback_desired"),
        AddIndexConcurrently(
            "callback",
            models.Index(
                fields=["reason", "desired_at", "id"],
                name="callback_of_reason",
                include=["service", "state", "queue", "agent"],
            ),
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(
                fields=["queue", "desired_at", "id"],
                name="callback_of_queue",
                include=["service", "state", "reason", "agent"],
            ),
        ),
        AddIndexConcurrently(
            "callback",
            models.Index(
                fields=["agent", "desired_at", "id"],
                name="callback_of_agent",
                include=["service", "state", "reason", "queue"],
            ),
        ),
        AddIndexConcurrently(
            "callback",
            GinIndex(fields=["user_data"], name="callback_user_data", opclasses=["jsonb_path_ops"], fastupdate=False),
        ),
        migrations.RunSQL(
            f"DROP INDEX CONCURRENTLY IF EXISTS {OF_PREFIXES}",
            f"CREATE INDEX CONCURRENTLY {OF_PREFIXES} ON callbacks_callback (id varchar_pattern_ops)",
        ),
    ]
