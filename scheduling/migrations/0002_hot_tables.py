from django.db import migrations

from scheduling.hot_tables import keep_small


class Migration(migrations.Migration):
    dependencies = [("scheduling", "0001_initial")]

    operations = [keep_small("scheduling_timer")]
