import django.db.models.deletion
from django.db import migrations, models

from scheduling.hot_tables import keep_small


class Migration(migrations.Migration):
    dependencies = [
        ("callbacks", "0013_journal_refused"),
    ]

    operations = [
        migrations.AddField(
            model_name="notice",
            name="good_until",
            field=models.DateTimeField(help_text="After it the question is no longer asked.", null=True),
        ),
        migrations.AddField(
            model_name="notice",
            name="is_debug",
            field=models.BooleanField(db_default=False, default=False, help_text="_use_debug_push_certificate."),
        ),
        migrations.AddField(
            model_name="notice",
            name="provider",
            field=models.CharField(
                db_default="", default="", help_text="_provider_name; empty: what [push] says.", max_length=64
            ),
        ),
        migrations.AddField(
            model_name="notice",
            name="texts",
            field=models.JSONField(db_default=models.Value({}, models.JSONField()), default=dict),
        ),
        migrations.AlterField(
            model_name="notice",
            name="kind",
            field=models.CharField(help_text="httpcb, customhttp, fcm, ios or sms.", max_length=16),
        ),
        migrations.CreateModel(
            name="CometSubscription",
            fields=[
                (
                    "client",
                    models.CharField(help_text="Its clientId.", max_length=64, primary_key=True, serialize=False),
                ),
                ("user", models.CharField(help_text="Its header gms_user: personal data.", max_length=256)),
                ("expires_at", models.DateTimeField()),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user"], name="comet_subscription_user"),
                    models.Index(fields=["expires_at"], name="comet_subscription_expired"),
                ],
            },
        ),
        migrations.CreateModel(
            name="CometMessage",
            fields=[
                ("id", models.BigAutoField(auto_created=True, primary_key=True, serialize=False, verbose_name="ID")),
                (
                    "user",
                    models.CharField(help_text="The request's _device_notification_id: personal data.", max_length=256),
                ),
                ("data", models.JSONField()),
                ("expires_at", models.DateTimeField()),
                (
                    "callback",
                    models.ForeignKey(
                        on_delete=django.db.models.deletion.CASCADE,
                        related_name="comet_messages",
                        to="callbacks.callback",
                    ),
                ),
            ],
            options={
                "indexes": [
                    models.Index(fields=["user", "id"], name="comet_message_user"),
                    models.Index(fields=["expires_at"], name="comet_message_expired"),
                ],
            },
        ),
        keep_small("callbacks_cometmessage", "callbacks_cometsubscription"),
    ]
