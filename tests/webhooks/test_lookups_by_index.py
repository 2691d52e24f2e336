"""What a connector's page counts of its vendor's events is found without reading all that the vendor ever told."""

from datetime import timedelta

import pytest
from django.db import connection

from runtime.clock import db_now
from tests.factories import InboundEventFactory, SourceFactory
from webhooks import vendor_card
from webhooks.models import InboundEvent

pytestmark = [pytest.mark.django_db, pytest.mark.db]


def test_events_of_the_last_days_are_found_by_an_index():
    source = SourceFactory()
    long_ago = db_now() - timedelta(days=30)
    # Long ago of this source, lately of others, one after the other: neither column alone leaves few.
    sources = [(source, long_ago), *((other, db_now()) for other in SourceFactory.create_batch(3))]
    rows = [
        InboundEventFactory.build(source=of, dedupe_key=f"{number}", received_at=at)
        for number in range(500)
        for of, at in sources
    ]
    InboundEvent.objects.bulk_create(rows)
    InboundEventFactory(source=source)
    with connection.cursor() as cursor:
        # Without figures both databases guess.
        cursor.execute("ANALYZE")
        if connection.vendor == "postgresql":
            # A few hundred rows are read at once, whatever indexes there are.
            cursor.execute("SET LOCAL enable_seqscan = off")
    found = vendor_card.lately(source)

    assert found.count() == 1
    assert "inbound_lately" in found.explain()
