"""Questions and look-ups over the API."""

import time
from collections.abc import Callable, Sequence
from typing import Any

from drf_spectacular.utils import extend_schema
from rest_framework.request import Request
from rest_framework.response import Response

from engine import attempts, catalogue, slots
from engine.actions import NOT_REACHED, stock_look_up
from engine.answers import Answer
from engine.catalogue import KnownFaq
from engine.conversations import Customer
from engine.facts import order_facts, receipt_of, stock_facts
from engine.models import Conversation, Turn
from engine.orders import order_look_up
from engine.resolver import SUGGEST_FROM
from engine.serializers import (
    AnswerSerializer,
    FactsSerializer,
    FaqSearchSerializer,
    FaqsSerializer,
    OrderLookupSerializer,
    QuerySerializer,
)
from engine.services import question_ask, resolver
from gateway import shares
from gateway.api import ApiView
from gateway.models import Client
from gateway.problems import Problem, rate_limited
from integrations import lookups

LOOKUP_SECONDS = 3.0


class QueryView(ApiView):
    """`POST /v1/query`: a question, or the next turn of a conversation."""

    required_scopes = {"POST": "query"}
    allows_publishable = allows_session = True

    @extend_schema(operation_id="query", request=QuerySerializer, responses=AnswerSerializer)
    def post(self, request: Request) -> Response:
        """Ask a question."""
        query = QuerySerializer(data=request.data)
        query.is_valid(raise_exception=True)
        asked = query.validated_data
        is_public = self.caller.kind == "publishable"
        customer = self._customer(asked.get("customer"))
        request_id: str = request._request.request_id  # type: ignore[attr-defined]
        try:
            with shares.QUERIES.hold():
                answer = question_ask(
                    client=self.caller.client,
                    prompt=asked["prompt"],
                    conversation_id=asked.get("conversation_id"),
                    customer=customer,
                    deadline_ms=asked["deadline_ms"],
                    explain=asked["explain"],
                    is_public=is_public,
                    session_id=self.caller.session.pk if self.caller.session else None,
                    request_id=request_id,
                )
        except shares.AllTaken:
            answer = Answer(Turn.State.UNAVAILABLE, NOT_REACHED, asked.get("conversation_id"))
        except Conversation.DoesNotExist as err:
            detail = "There is no such conversation. Leave conversation_id out to begin a new one."
            raise Problem(404, "not_found", "Nothing was found here.", detail) from err
        return Response({**answer.as_json(), "request_id": request_id})

    def _customer(self, named: dict[str, Any] | None) -> Customer | None:
        """Return who is asking: a server says it, a session is for one visitor, and a page can't know."""
        session = self.caller.session
        if named and self.caller.is_visitor:
            raise _field_refused("customer", "Only a secret key or an OAuth token may say who the customer is.")
        if session is not None:
            return Customer(session.email, session.phone, session.reference, is_alone=True)
        return Customer(**named) if named else None


class OwnOrderView(ApiView):
    """`GET /v1/orders/{number}`: an order of the visitor whose session asks."""

    required_scopes = {"GET": "lookups"}
    allows_session = True

    @extend_schema(operation_id="order_read", responses=FactsSerializer)
    def get(self, request: Request, number: str) -> Response:
        """Look up an order of the visitor that the session is for; anybody else's is not found."""
        session = self.caller.session
        if session is None:
            detail = "A session says whose order it is. From your server, use POST /v1/orders/lookup with the contact."
            raise Problem(403, "session_needed", "A visitor's session is needed.", detail)
        if len(number) > slots.LONGEST_VALUE or not number.isprintable():
            raise _field_refused("number", f"An order number has at most {slots.LONGEST_VALUE} visible characters.")
        if not session.email and not session.phone:
            raise _no_such_order()
        return _order(client=session.client, number=number, email=session.email, phone=session.phone)


class OrderLookupView(ApiView):
    """`POST /v1/orders/lookup`: an order, for the person it belongs to."""

    required_scopes = {"POST": "lookups"}

    @extend_schema(operation_id="orders_lookup", request=OrderLookupSerializer, responses=FactsSerializer)
    def post(self, request: Request) -> Response:
        """Look up an order by its number and the e-mail address or phone number it was placed with."""
        lookup = OrderLookupSerializer(data=request.data)
        lookup.is_valid(raise_exception=True)
        return _order(client=self.caller.client, **lookup.validated_data)


class InventoryView(ApiView):
    """`GET /v1/inventory/{sku}`: how much of an article there is."""

    required_scopes = {"GET": "lookups"}

    @extend_schema(operation_id="inventory", responses=FactsSerializer)
    def get(self, request: Request, sku: str) -> Response:
        """Look up the stock of an article."""
        try:
            # What is no article number belongs to no article: nobody has to be asked.
            is_number = len(sku) <= slots.LONGEST_VALUE and sku.isprintable()
            with shares.QUERIES.hold():
                found = stock_look_up(sku, _seconds_left()) if is_number else None
        except (lookups.Unavailable, shares.AllTaken) as err:
            raise _unavailable() from err
        if found is None or found.value is None:
            raise Problem(404, "not_found", "Nothing was found here.", "There is no article with this number.")
        return Response({"facts": [fact.as_json() for fact in stock_facts(found.value, receipt_of(found))]})


class FaqsView(ApiView):
    """`GET /v1/faqs`: the FAQs, or those that are like a search."""

    required_scopes = {"GET": "lookups"}

    @extend_schema(operation_id="faqs", parameters=[FaqSearchSerializer], responses=FaqsSerializer)
    def get(self, request: Request) -> Response:
        """List or search the FAQs."""
        query = FaqSearchSerializer(data=request.query_params.dict())
        query.is_valid(raise_exception=True)
        found = _faqs(query.validated_data["search"])[: query.validated_data["limit"]]
        return Response({"results": [{"id": faq.id, "question": faq.question, "answer": faq.answer} for faq in found]})


def _order(*, client: Client, number: str, email: str = "", phone: str = "") -> Response:
    try:
        with shares.QUERIES.hold():
            found = order_look_up(client=client, number=number, email=email, phone=phone, seconds=LOOKUP_SECONDS)
    except attempts.TooManyAttempts as err:
        raise rate_limited(err.retry_after) from err
    except (lookups.Unavailable, shares.AllTaken) as err:
        raise _unavailable() from err
    if found is None or found.value is None:
        raise _no_such_order()
    return Response({"facts": [fact.as_json() for fact in order_facts(found.value, receipt_of(found))]})


def _no_such_order() -> Problem:
    detail = "There is no order with this number and this e-mail address or phone number."
    return Problem(404, "not_found", "Nothing was found here.", detail)


def _faqs(search: str) -> Sequence[KnownFaq]:
    known = catalogue.current()
    if not search:
        return list(known.faqs.values())
    matches = resolver.resolve(search, known.faq_candidates)
    return [known.faqs[match.intent] for match in matches if match.confidence >= SUGGEST_FROM]


def _seconds_left() -> Callable[[], float]:
    until = time.monotonic() + LOOKUP_SECONDS
    return lambda: max(0.0, until - time.monotonic())


def _field_refused(field: str, message: str) -> Problem:
    errors = [{"field": field, "message": message}]
    return Problem(400, "validation_failed", "Some fields were not accepted.", f"{field}: {message}", errors)


def _unavailable() -> Problem:
    detail = "The system that knows this did not answer in time."
    return Problem(503, "unavailable", "The look-up did not succeed.", detail, headers={"Retry-After": "5"})
