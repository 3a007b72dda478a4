"""Storage settings for tables whose rows change many times in a short life; for migrations.

Room on the page keeps updates out of the indexes, and dead rows are collected early, so that the tables stay as small
as what is alive. Setting them takes no lock that reading or writing waits for.
"""

from django.db.migrations import RunSQL

SETTINGS = {
    "fillfactor": 70,
    "autovacuum_vacuum_scale_factor": 0.02,
    "autovacuum_vacuum_threshold": 200,
    "autovacuum_vacuum_cost_delay": 0,
}


def keep_small(*tables: str) -> RunSQL:
    """The operation that sets, and in reverse resets, the storage settings of these tables."""
    values = ", ".join(f"{name} = {value}" for name, value in SETTINGS.items())
    return RunSQL(
        [f"ALTER TABLE {table} SET ({values})" for table in tables],
        [f"ALTER TABLE {table} RESET ({', '.join(SETTINGS)})" for table in tables],
    )
