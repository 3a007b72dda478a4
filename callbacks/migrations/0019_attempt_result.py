from django.db import migrations, models


class Migration(migrations.Migration):
    # The vendor's longest word for a result has 45 letters. Nothing is rewritten.
    dependencies = [("callbacks", "0018_expecting")]

    operations = [
        migrations.AlterField(model_name="attempt", name="result", field=models.CharField(blank=True, max_length=48)),
    ]
