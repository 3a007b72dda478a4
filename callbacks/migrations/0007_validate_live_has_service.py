from django.contrib.postgres.operations import ValidateConstraint
from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("callbacks", "0006_service_may_be_deleted")]

    operations = [ValidateConstraint(model_name="callback", name="callback_live_has_service")]
