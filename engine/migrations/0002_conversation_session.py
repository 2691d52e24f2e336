# A conversation that a visitor's session began goes on in that session.

from django.db import migrations, models


class Migration(migrations.Migration):

    dependencies = [
        ('engine', '0001_initial'),
    ]

    operations = [
        migrations.AddField(
            model_name='conversation',
            name='session_id',
            field=models.UUIDField(blank=True, editable=False, null=True),
        ),
    ]
