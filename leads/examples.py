"""Leads as the API's description shows them."""

from typing import Any

from gateway.openapi_examples import Operation

_ID, _ACTIVITY = "01a20655-30ee-75c5-8df0-5ea35d2d8786", "01a20655-30ef-7d23-9d3c-2a35b6f0e9aa"
_CRM = "CRM"

LEAD = {
    "email": "anna@example.com",
    "first_name": "Anna",
    "message": "Do you ship to Norway?",
    "source": {"channel": "website", "page_url": "https://shop.example/lamps", "utm": {"source": "newsletter"}},
    "consent": [
        {
            "purpose": "email_marketing",
            "granted": True,
            "wording": "Yes, send me news about lamps.",
            "version": "2026-03",
        }
    ],
}
_BY_PHONE = {"phone": "+49 30 901820", "reference": "visitor-4711", "attributes": {"budget": 250, "newsletter": False}}
_WAITING = {"connector": _CRM, "operation": "upsert", "state": "waiting"}
_CAPTURED = {"id": _ID, "created": True, "possible_duplicate": False, "deliveries": [_WAITING]}
_KNOWN: dict[str, Any] = {
    "id": _ID,
    "email": "anna@example.com",
    "phone": None,
    "reference": "visitor-4711",
    "first_name": "Anna",
    "last_name": "",
    "company": "",
    "attributes": {"budget": 250},
    "source": LEAD["source"],
    "possible_duplicate": False,
    "created_at": "2026-11-23T02:56:16.485449+00:00",
    "updated_at": "2026-11-23T02:56:16.485449+00:00",
    "deliveries": [
        {
            "connector": _CRM,
            "operation": "upsert",
            "state": "delivered",
            "external_id": "151",
            "tries": 1,
            "explanation": "CRM has it.",
            "next_try_at": None,
        }
    ],
}

_STANDS = {
    "id": _ID,
    "consents": [
        {
            "purpose": "email_marketing",
            "granted": False,
            "is_confirmed": True,
            "version": "2026-03",
            "at": "2026-11-23T02:56:16.485449+00:00",
        }
    ],
    "deliveries": [_WAITING],
}
_WITHDRAWN = {"purpose": "email_marketing", "granted": False, "wording": "No more news, please.", "version": "2026-03"}

_ERASURE: dict[str, Any] = {
    "id": "01a20655-3111-7a04-b2fb-2d1f8d6f1c55",
    "lead": _ID,
    "state": "waiting",
    "asked_at": "2026-11-23T02:56:16.485449+00:00",
    "finished_at": None,
    "erased": {"lead": 1, "activities": 3, "consents": 1, "references": 0},
    "connectors": [{"connector": _CRM, "state": "waiting", "at": "", "words": "It is sent within seconds."}],
    "remains": [],
}
_ERASED = _ERASURE | {
    "state": "done",
    "finished_at": "2026-11-23T02:56:21.117032+00:00",
    "erased": {"lead": 1, "activities": 3, "consents": 1, "references": 0, "conversations": 1, "deliveries": 2},
    "connectors": [{"connector": _CRM, "state": "delivered", "at": "2026-11-23T02:56:19.551070+00:00", "words": ""}],
    "remains": ["Backups of the database and of its files that were made before."],
}

EXAMPLES = {
    "lead_erase": Operation(responses={202: {"Begun": _ERASURE}}),
    "erasure_read": Operation(responses={200: {"A certificate": _ERASED}}),
    "lead_capture": Operation(
        requests={"A lead from a chat": LEAD, "Known by phone and your own id": _BY_PHONE},
        responses={
            201: {"A new lead": _CAPTURED},
            200: {"A lead we know already": _CAPTURED | {"created": False}},
            202: {"To a page": {"id": _ACTIVITY}},
        },
    ),
    "lead_capture_batch": Operation(
        requests={"Two leads, one of them wrong": {"leads": [LEAD, {"email": "anna@example"}]}},
        responses={
            200: {
                "One captured, one refused": {
                    "results": [
                        {"status": 201, **_CAPTURED},
                        {
                            "status": 400,
                            "errors": [
                                {
                                    "field": "email",
                                    "message": "This is not an e-mail address such as anna@example.com.",
                                }
                            ],
                        },
                    ]
                }
            }
        },
    ),
    "session_create": Operation(
        requests={
            "A customer who has signed in to the shop": {
                "origin": "https://shop.example",
                "customer": {"email": "anna@example.com"},
            }
        },
        responses={
            201: {
                "A token for that page": {
                    "token": "sb_vs_…",
                    "expires_at": "2026-11-23T03:26:16.485449+00:00",
                    "expires_in": 1800,
                }
            }
        },
    ),
    "lead_read": Operation(responses={200: {"A lead that has arrived": _KNOWN}}),
    "lead_consents": Operation(responses={200: {"What is in force": _STANDS}}),
    "lead_consents_record": Operation(
        requests={"A withdrawal": {"consent": [_WITHDRAWN]}}, responses={200: {"Withdrawn": _STANDS}}
    ),
    "lead_list": Operation(
        responses={
            200: {
                "A page, with more to come": {"results": [_KNOWN], "next_cursor": "WyI5ZjE4…:1tQ2bC:kY7…"},
                "The last page": {"results": [], "next_cursor": None},
            }
        }
    ),
}
