from django.db import migrations, models


def take_over(apps, schema_editor):
    """What a filter asked by fixed names becomes a rule each."""
    Connector = apps.get_model("integrations", "Connector")
    for connector in Connector.objects.all():
        asked = connector.lead_filter
        if isinstance(asked, list):
            continue
        named = {"client": asked.get("clients"), "channel": asked.get("channels")}
        named |= {f"utm_{name}": values for name, values in (asked.get("utm") or {}).items()}
        rules = [{"about": name, "test": "any_of", "values": values} for name, values in named.items() if values]
        given = [f"consent.{purpose}" for purpose in asked.get("purposes") or []]
        connector.lead_filter = rules + [{"about": name, "test": "given", "values": []} for name in given]
        connector.save(update_fields=["lead_filter"])


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0006_mapping_versions'),
    ]

    operations = [
        migrations.AlterField(
            model_name='connector',
            name='lead_filter',
            field=models.JSONField(blank=True, default=list),
        ),
        migrations.RunPython(take_over, migrations.RunPython.noop, elidable=True),
    ]
