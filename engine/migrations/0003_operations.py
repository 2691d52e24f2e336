# An intent can look up what an administrator has defined of a system.

import django.db.models.deletion
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('engine', '0002_conversation_session'),
        ('integrations', '0010_changes'),
    ]

    operations = [
        migrations.AddField(
            model_name='intent',
            name='connector',
            field=models.ForeignKey(blank=True, null=True, on_delete=django.db.models.deletion.PROTECT, related_name='intents', to='integrations.connector'),
        ),
        migrations.AddField(
            model_name='intent',
            name='operation',
            field=models.CharField(blank=True, db_default='', default='', max_length=40),
        ),
        migrations.AlterField(
            model_name='intent',
            name='action',
            field=models.CharField(choices=[('order', 'Look up an order'), ('stock', 'Look up stock'), ('faq', 'Answer from the FAQs'), ('text', 'Answer with the text below'), ('operation', 'Look up what you have defined of a system')], max_length=16),
        ),
    ]
