# What a visitor said yes to is kept until it is done, with what the system said.

import django.db.models.deletion
import runtime.clock
from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('engine', '0003_operations'),
        ('integrations', '0011_erasures_index'),
    ]

    operations = [
        migrations.AlterField(
            model_name='intent',
            name='action',
            field=models.CharField(choices=[('order', 'Look up an order'), ('stock', 'Look up stock'), ('faq', 'Answer from the FAQs'), ('text', 'Answer with the text below'), ('operation', 'Ask a system what you have defined there')], max_length=16),
        ),
        migrations.CreateModel(
            name='Confirmation',
            fields=[
                ('id', models.UUIDField(editable=False, primary_key=True, serialize=False)),
                ('operation', models.CharField(max_length=40)),
                ('label', models.CharField(max_length=80)),
                ('arguments', models.JSONField(default=dict)),
                ('told', models.JSONField(default=dict)),
                ('created_at', models.DateTimeField(default=runtime.clock.db_now)),
                ('done_at', models.DateTimeField(null=True)),
                ('connector', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='+', to='integrations.connector')),
                ('conversation', models.ForeignKey(on_delete=django.db.models.deletion.CASCADE, related_name='confirmations', to='engine.conversation')),
            ],
        ),
    ]
