from django.db import migrations, models
from django.db.models import Q
from django.db.models.deletion import DO_NOTHING

from scheduling.hot_tables import keep_small

SERVICE = "services.configuredservice"
TABLES = ("scheduling_slotcalendar", "scheduling_slotcounter", "scheduling_booking")


def goes_with_service(table: str) -> migrations.RunSQL:
    """The database deletes the rows of a deleted service; Django would read them all first, to list them in admin."""
    return migrations.RunSQL(
        f"ALTER TABLE {table} ADD CONSTRAINT {table}_service FOREIGN KEY (service_id) "
        "REFERENCES services_configuredservice (id) ON DELETE CASCADE",
        f"ALTER TABLE {table} DROP CONSTRAINT {table}_service",
    )


class Migration(migrations.Migration):
    dependencies = [
        ("scheduling", "0003_heartbeats_and_totals"),
        ("services", "0002_sections_lists_changes"),
    ]

    operations = [
        migrations.CreateModel(
            name="SlotCalendar",
            fields=[
                (
                    "service",
                    models.OneToOneField(
                        db_constraint=False,
                        on_delete=DO_NOTHING,
                        primary_key=True,
                        related_name="+",
                        serialize=False,
                        to=SERVICE,
                    ),
                ),
                ("minutes", models.PositiveSmallIntegerField()),
                ("zone", models.CharField(help_text="Of the office: Europe/Berlin.", max_length=64)),
            ],
        ),
        migrations.CreateModel(
            name="SlotCounter",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "service_id", "start", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                (
                    "service",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, on_delete=DO_NOTHING, related_name="+", to=SERVICE
                    ),
                ),
                ("start", models.DateTimeField()),
                ("booked", models.IntegerField()),
            ],
            options={
                "constraints": [models.CheckConstraint(condition=Q(booked__gte=0), name="slot_counter_not_negative")],
            },
        ),
        migrations.CreateModel(
            name="Booking",
            fields=[
                ("owner", models.CharField(max_length=64, primary_key=True, serialize=False)),
                (
                    "service",
                    models.ForeignKey(
                        db_constraint=False, db_index=False, on_delete=DO_NOTHING, related_name="+", to=SERVICE
                    ),
                ),
                (
                    "slot_start",
                    models.DateTimeField(help_text="Of the slot in which it was booked, as slots were cut then."),
                ),
                ("desired_at", models.DateTimeField(help_text="The exact time that was asked for.")),
            ],
            options={
                "indexes": [models.Index(fields=["service", "desired_at"], name="booking_of_service")],
            },
        ),
        *[goes_with_service(table) for table in TABLES],
        # A counter changes with every booking of its slot.
        keep_small("scheduling_slotcounter"),
    ]
