"""What a real WooCommerce told, in our terms."""

import json
from dataclasses import replace
from datetime import UTC, datetime
from decimal import Decimal

from integrations.providers.woocommerce.events import told
from tests.integrations.providers.captured import HERE
from tests.integrations.providers.signing import SECRET
from tests.integrations.providers.vendors import Vendor, says
from tests.integrations.providers.woocommerce.signing import received

BODY = (HERE / "woocommerce" / "fixtures" / "event_order.created__numbered_by_a_plugin.json").read_bytes()


def test_an_order_has_the_number_its_plugin_gave_it_and_may_have_no_address():
    message = received(BODY, SECRET, "order.created")
    Vendor("woocommerce", says(500)).provider.verify(message, [SECRET])
    [event] = told(message)
    assert (event.type, event.subject) == ("order.created", "order:211")
    assert dict(event.data) == {"order_number": "211", "record_id": "1379"}
    assert event.occurred_at == datetime(2026, 11, 23, 9, 24, 20, tzinfo=UTC)


def test_the_slashes_that_wordpress_escapes_are_signed_as_they_came():
    again = json.dumps(json.loads(BODY), separators=(",", ":")).encode()
    assert again != BODY
    message = received(BODY, SECRET, "order.created")
    assert told(replace(message, body=again))[0].subject == "order:211"
    assert message.headers != received(again, SECRET, "order.created").headers


def test_it_is_not_found_by_the_shops_own_id_of_it():
    order = says(200, json.loads(BODY))
    assert Vendor("woocommerce", order, says(200, [json.loads(BODY)])).provider.order("1379") is None
    found = Vendor("woocommerce", says(404, {}), says(200, [json.loads(BODY)])).provider.order("#211")
    assert (found.number, found.record_id, found.email, found.total) == ("211", "1379", "", Decimal("14.00"))
