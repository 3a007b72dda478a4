from django.db import migrations

from scheduling.hot_tables import keep_small


class Migration(migrations.Migration):
    dependencies = [("telephony", "0001_initial")]

    operations = [keep_small("telephony_call", "telephony_leg", "telephony_queueentry", "telephony_agent")]
