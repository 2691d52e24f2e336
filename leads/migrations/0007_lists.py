from django.conf import settings
from django.db import migrations, models

# How often values stand in the JSON of a lead's source. Without it PostgreSQL takes every filter for a rare one, and
# reads and sorts all leads where a few of the newest would do. Costs nothing when a lead is written.
_COUNTED = {"lead_channel": "source -> 'channel'", "lead_campaign": "source #> '{utm,campaign}'"}


def count_values(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name, expression in _COUNTED.items():
            schema_editor.execute(f"CREATE STATISTICS {name} ON ({expression}) FROM leads_lead")
        with schema_editor.connection.cursor() as cursor:
            cursor.execute("SELECT 1 FROM leads_lead LIMIT 1")
            has_leads = cursor.fetchone() is not None
        # A new table is of unknown size to the planner; one that was looked at and found empty is read whole, by every
        # connection's check of its foreign keys, until it is looked at again.
        if has_leads:
            schema_editor.execute("ANALYZE leads_lead")


def forget_values(apps, schema_editor):
    if schema_editor.connection.vendor == "postgresql":
        for name in _COUNTED:
            schema_editor.execute(f"DROP STATISTICS IF EXISTS {name}")


class Migration(migrations.Migration):

    dependencies = [
        ("leads", "0006_export_parts"),
        migrations.swappable_dependency(settings.OAUTH2_PROVIDER_APPLICATION_MODEL),
    ]

    operations = [
        migrations.AddIndex(
            model_name="lead",
            index=models.Index(fields=["last_name", "id"], name="lead_by_name"),
        ),
        migrations.RunPython(count_values, forget_values),
    ]
