"""Events as the API's description shows them."""

from gateway.openapi_examples import Operation

_ID = "01a20655-30ee-75c5-8df0-5ea35d2d8786"

EXAMPLES = {
    "webhooks_in": Operation(
        requests={
            "An order was shipped": {
                "event": "order_shipped",
                "customer_id": "12345",
                "tracking_number": "XYZ-987",
            }
        },
        responses={
            202: {"Stored": {"id": _ID, "duplicate": False}, "Stored before": {"id": _ID, "duplicate": True}},
        },
    ),
}
