from django.db import migrations

from scheduling.hot_tables import keep_small


class Migration(migrations.Migration):
    dependencies = [("callbacks", "0002_roles")]

    operations = [keep_small("callbacks_pending", "callbacks_callback")]
