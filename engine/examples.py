"""Questions and look-ups as the API's description shows them."""

from typing import Any

from gateway.openapi_examples import Operation

_CONVERSATION = "01a20655-314d-767c-93c8-04e728654dd4"


def _fact(name: str, value: Any, record_id: str, cache: str = "miss", age_seconds: float = 0.001) -> dict[str, Any]:
    return {
        "name": name,
        "value": value,
        "source": "ERP",
        "record_id": record_id,
        "fetched_at": "2026-11-23T02:56:16.485449+00:00",
        "age_seconds": age_seconds,
        "cache": cache,
    }


_ORDER = [
    _fact("number", "S00041", "sale.order/41"),
    _fact("status", "shipped", "sale.order/41"),
    _fact("expected_at", "2026-11-27", "sale.order/41"),
    _fact("tracking_number", "XYZ-987", "sale.order/41"),
]
_STOCK = [
    _fact("available", 5, "product.product/12", "hit", 12.5),
    _fact("price", {"amount": "70.00", "currency": "EUR"}, "product.product/12", "hit", 12.5),
]
_ANSWER: dict[str, Any] = {
    "state": "answered",
    "answer": "The status of your order S00041 is: shipped. The tracking number is XYZ-987.",
    "intent": "order_status",
    "confidence": 0.938,
    "missing": [],
    "suggestions": [],
    "facts": _ORDER,
    "conversation_id": _CONVERSATION,
    "request_id": "01a20655-312e-7482-b33f-e7e3e012ea4c",
}
_ASKED_BACK = _ANSWER | {
    "state": "needs_input",
    "answer": "What is your order number?",
    "missing": [{"slot": "order_number", "prompt": "What is your order number?"}],
    "facts": [],
}
_UNSURE = _ANSWER | {
    "state": "suggestions",
    "answer": "I'm not sure what you need. Did you mean one of these?",
    "intent": None,
    "confidence": None,
    "suggestions": [{"intent": "order_status", "label": "Order status"}],
    "facts": [],
}
_PUT_OFF = _ANSWER | {
    "state": "unavailable",
    "answer": "I can't look that up right now. Please try again in a moment.",
    "facts": [],
}
_FAQ = {"id": 4, "question": "How can I return an article?", "answer": "You can return articles within 30 days."}

EXAMPLES = {
    "query": Operation(
        requests={
            "A question": {"prompt": "Where is my order S00041? I am anna@example.com"},
            "The next turn": {"prompt": "It is S00041", "conversation_id": _CONVERSATION},
            "For a customer your server knows": {
                "prompt": "Where is my order S00041?",
                "customer": {"email": "anna@example.com"},
                "deadline_ms": 2000,
            },
        },
        responses={
            200: {
                "Answered": _ANSWER,
                "Asked back": _ASKED_BACK,
                "Not sure what is meant": _UNSURE,
                "A back end did not answer": _PUT_OFF,
            }
        },
    ),
    "orders_lookup": Operation(
        requests={"By e-mail address": {"number": "S00041", "email": "anna@example.com"}},
        responses={200: {"An order": {"facts": _ORDER}}},
    ),
    "order_read": Operation(responses={200: {"The visitor’s own order": {"facts": _ORDER}}}),
    "inventory": Operation(responses={200: {"An article": {"facts": _STOCK}}}),
    "faqs": Operation(responses={200: {"What fits": {"results": [_FAQ]}}}),
}
