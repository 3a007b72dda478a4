from django.db import migrations


class Migration(migrations.Migration):
    """What the admin calls them; no table changes."""

    dependencies = [("telephony", "0003_skills_places")]

    operations = [migrations.AlterModelOptions(name="queueentry", options={"verbose_name_plural": "queue entries"})]
