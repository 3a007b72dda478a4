import django.db.models.deletion
from django.contrib.postgres.operations import AddConstraintNotValid
from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("callbacks", "0005_completed_index"),
        ("services", "0002_sections_lists_changes"),
    ]

    operations = [
        migrations.AlterField(
            model_name="callback",
            name="service",
            field=models.ForeignKey(
                null=True,
                on_delete=django.db.models.deletion.SET_NULL,
                related_name="callbacks",
                to="services.configuredservice",
            ),
        ),
        # Holds for new rows at once; the old ones are read in the next migration, without keeping writers out.
        AddConstraintNotValid(
            model_name="callback",
            constraint=models.CheckConstraint(
                condition=models.Q(("state", "COMPLETED"), ("service__isnull", False), _connector="OR"),
                name="callback_live_has_service",
            ),
        ),
    ]
