import django.contrib.postgres.fields
from django.contrib.postgres.operations import AddIndexConcurrently
from django.db import migrations, models

SPANS = [("d", "Day"), ("m", "Month")]


class Migration(migrations.Migration):
    # The index is built beside a running service: the table may be large.
    atomic = False
    dependencies = [("callbacks", "0025_jobs")]

    operations = [
        migrations.CreateModel(
            name="CallbackFact",
            fields=[
                ("seq", models.BigAutoField(primary_key=True, serialize=False)),
                (
                    "callback",
                    models.CharField(help_text="Its id, whether or not it still exists.", max_length=64, unique=True),
                ),
                ("service", models.CharField(max_length=64)),
                ("queue", models.CharField(blank=True, max_length=64)),
                (
                    "direction",
                    models.CharField(blank=True, help_text="USERTERMINATED or USERORIGINATED.", max_length=16),
                ),
                ("reason", models.CharField(max_length=64)),
                (
                    "disposition",
                    models.CharField(blank=True, help_text="What the agent said of the last talk.", max_length=16),
                ),
                (
                    "agent",
                    models.CharField(blank=True, help_text="The last agent who was called for it.", max_length=64),
                ),
                ("has_promise", models.BooleanField(help_text="A time was promised, not a call at once.")),
                ("accepted_at", models.DateTimeField()),
                ("desired_at", models.DateTimeField()),
                ("started_at", models.DateTimeField(help_text="When it took its place in the queue.", null=True)),
                (
                    "confirmed_at",
                    models.DateTimeField(help_text="When the customer, who was asked, said yes.", null=True),
                ),
                (
                    "rung_at",
                    models.DateTimeField(
                        help_text="When the customer's phone was rung first, or they called.", null=True
                    ),
                ),
                ("reached_at", models.DateTimeField(help_text="When a human answered.", null=True)),
                (
                    "connected_at",
                    models.DateTimeField(help_text="When customer and agent first heard each other.", null=True),
                ),
                ("completed_at", models.DateTimeField()),
                (
                    "ended_at",
                    models.DateTimeField(help_text="When the last call for it ended, or it was completed without any."),
                ),
                (
                    "results",
                    django.contrib.postgres.fields.ArrayField(
                        base_field=models.CharField(max_length=48),
                        help_text="Of the attempts at the customer, in order.",
                        size=None,
                    ),
                ),
                ("talk_seconds", models.FloatField(help_text="With all agents.")),
                ("ewt_offered", models.FloatField(null=True)),
                ("position_offered", models.PositiveIntegerField(null=True)),
                ("ewt", models.FloatField(null=True)),
                ("ewt_p90", models.FloatField(null=True)),
                ("position", models.PositiveIntegerField(null=True)),
                ("wait_outcome", models.CharField(blank=True, max_length=8)),
                ("waited", models.FloatField(null=True)),
                ("ring_late", models.FloatField(null=True)),
                ("agent_late", models.FloatField(null=True)),
            ],
            options={
                "indexes": [models.Index(fields=["completed_at", "seq"], name="callback_fact_completed")],
            },
        ),
        migrations.CreateModel(
            name="ReportTotal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "span",
                        "starts",
                        "what",
                        "service",
                        "key",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("span", models.CharField(choices=SPANS, max_length=1)),
                ("starts", models.DateField()),
                ("what", models.CharField(max_length=12)),
                ("service", models.CharField(max_length=64)),
                ("key", models.CharField(max_length=48)),
                ("n", models.BigIntegerField()),
                ("seconds", models.FloatField()),
            ],
        ),
        migrations.CreateModel(
            name="AgentTotal",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "span",
                        "starts",
                        "agent",
                        "service",
                        blank=True,
                        editable=False,
                        primary_key=True,
                        serialize=False,
                    ),
                ),
                ("span", models.CharField(choices=SPANS, max_length=1)),
                ("starts", models.DateField()),
                ("agent", models.CharField(max_length=64)),
                ("service", models.CharField(max_length=64)),
                ("offered", models.BigIntegerField(help_text="Previews and calls.")),
                ("connected", models.BigIntegerField()),
                (
                    "unanswered",
                    models.BigIntegerField(help_text="The phone was not answered, was busy or could not be reached."),
                ),
                (
                    "lost",
                    models.BigIntegerField(help_text="The customer was gone first, or the call failed otherwise."),
                ),
                (
                    "rejected",
                    models.BigIntegerField(help_text="Previews that the agent refused, or let pass."),
                ),
                (
                    "disposed",
                    models.BigIntegerField(help_text="Talks of which they said what came of them."),
                ),
                ("ring_seconds", models.FloatField(help_text="Until they answered.")),
                ("talk_seconds", models.FloatField()),
            ],
        ),
        migrations.CreateModel(
            name="RefusalMark",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey(
                        "service", "kind", blank=True, editable=False, primary_key=True, serialize=False
                    ),
                ),
                ("service", models.CharField(max_length=64)),
                ("kind", models.CharField(max_length=16)),
                ("counted", models.BigIntegerField()),
            ],
            options={
                "constraints": [
                    models.CheckConstraint(condition=models.Q(("counted__gte", 0)), name="refusal_mark_not_negative")
                ],
            },
        ),
        migrations.AddField(
            model_name="callback",
            name="reported",
            field=models.BooleanField(
                db_default=False, default=False, editable=False, help_text="It is over, and in the reports."
            ),
        ),
        AddIndexConcurrently(
            model_name="callback",
            index=models.Index(
                condition=models.Q(("reported", False), ("stage", "ended")),
                fields=["completed_at"],
                name="callback_unreported",
            ),
        ),
    ]
