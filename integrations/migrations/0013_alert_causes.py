from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('integrations', '0012_alerts'),
    ]

    operations = [
        migrations.RemoveField(
            model_name='connectorstate',
            name='alerted_at',
        ),
        migrations.AddField(
            model_name='connectorstate',
            name='alerted',
            field=models.JSONField(blank=True, null=True),
        ),
        migrations.AddField(
            model_name='connectorstate',
            name='alerting_until',
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
