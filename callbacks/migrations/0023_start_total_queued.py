from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [("callbacks", "0022_read_only_supervisors")]

    operations = [
        migrations.AddField("starttotal", "queued", models.IntegerField(db_default=0, default=0)),
        migrations.AddField("starttotal", "queued_second", models.BigIntegerField(db_default=0, default=0)),
        migrations.AddField("starttotal", "queued_accepted", models.BigIntegerField(db_default=0, default=0)),
    ]
