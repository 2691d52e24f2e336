"""Shopify's Admin GraphQL API: the documents we send, and what its errors and costs mean.

Values travel as variables alone, never in a document's text.
Source: https://shopify.dev/docs/api/admin-graphql/2026-07, https://shopify.dev/docs/api/usage/limits.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

from integrations.providers import errors
from integrations.providers.base import Limits, Reply, Session
from integrations.providers.replies import garbled, raise_for_status

VERSION = "2026-07"
_PATH = f"/admin/api/{VERSION}/graphql.json"
_CODE = re.compile(r"[A-Z_]{1,60}\Z")
_SCOPE = re.compile(r"`([a-z_]{1,60})` access scope")
_NAME = re.compile(r"[A-Za-z]{1,40}\Z")

_VARIANT = """
fragment Variant on ProductVariant {
  id sku title price
  inventoryItem { tracked inventoryLevels(first: 50) { nodes { quantities(names: ["available"]) { name quantity } } } }
  product { title status onlineStoreUrl }
}"""
_CUSTOMER = """
fragment Person on Customer {
  id firstName lastName numberOfOrders
  defaultEmailAddress { emailAddress marketingState }
  defaultPhoneNumber { phoneNumber }
}"""
_ANY = "(first: 1) { nodes { id } }"
SHOP = f"query Shop {{ shop {{ name }} orders{_ANY} productVariants{_ANY} }}"
STOCK = f"""query Stock($search: String!) {{
  shop {{ currencyCode }}
  productVariants(first: 10, query: $search) {{ nodes {{ ...Variant }} }}
}}{_VARIANT}"""
PRODUCTS = f"""query Products($cursor: String) {{
  shop {{ currencyCode }}
  productVariants(first: 50, after: $cursor) {{ nodes {{ ...Variant }} pageInfo {{ hasNextPage endCursor }} }}
}}{_VARIANT}"""
ORDERS = """query Orders($search: String!) {
  orders(first: 10, query: $search) { nodes {
    id name email phone createdAt cancelledAt displayFulfillmentStatus
    customer { defaultEmailAddress { emailAddress } defaultPhoneNumber { phoneNumber } }
    totalPriceSet { shopMoney { amount currencyCode } }
    fulfillments(first: 20) { status displayStatus estimatedDeliveryAt trackingInfo(first: 5) { number company } }
  } }
}"""
CUSTOMER = f"""query Customer($email: String!) {{
  customerByIdentifier(identifier: {{ emailAddress: $email }}) {{ ...Person }}
}}{_CUSTOMER}"""
WRITE = """mutation Write($email: String!, $input: CustomerSetInput!) {
  customerSet(identifier: { email: $email }, input: $input) { customer { id } userErrors { field message code } }
}"""
CONSENT = """mutation Consent($input: CustomerEmailMarketingConsentUpdateInput!) {
  customerEmailMarketingConsentUpdate(input: $input) { customer { id } userErrors { field message code } }
}"""
ERASE = """mutation Erase($id: ID!) {
  customerRequestDataErasure(customerId: $id) { customerId userErrors { field message code } }
}"""


GONE = "does_not_exist"
"""The code of a refusal about a customer who isn't there."""


def run(session: Session, document: str, *, purpose: str, max_bytes: int = 1_000_000, **variables: Any) -> Any:
    """Send a document and return its `data`. Raises: errors.ProviderError; an error comes with status 200 there."""
    body = {"query": document, "variables": variables}
    reply = session.request("POST", _PATH, purpose=purpose, json=body, max_bytes=max_bytes)
    if reply.status == 404:
        words = "There is no shop here: enter its own address, such as https://example.myshopify.com."
        raise errors.Misconfigured(words, status=404)
    raise_for_status(reply)
    answer = reply.json()
    found = answer.get("errors") if isinstance(answer, dict) else None
    if found:
        raise _problem(found, reply)
    data = answer.get("data") if isinstance(answer, dict) else None
    if not isinstance(data, dict):
        raise garbled(reply.status)
    return data


def changed(session: Session, document: str, *, purpose: str, **variables: Any) -> Mapping[str, Any]:
    """Send a mutation and return what its one field says. Raises: Refused, which names what a person entered wrong."""
    said = next(iter(run(session, document, purpose=purpose, **variables).values()), None)
    refusals = said.get("userErrors") if isinstance(said, dict) else None
    if not isinstance(said, dict) or not isinstance(refusals, list):
        raise garbled()
    if refusals:
        raise _refusal(refusals[0] if isinstance(refusals[0], dict) else {})
    return said


def _problem(found: Any, reply: Reply) -> errors.ProviderError:
    first = found[0] if isinstance(found, list) and found and isinstance(found[0], dict) else {}
    extensions = first.get("extensions")
    code = _code(extensions.get("code")) if isinstance(extensions, dict) else ""
    if code == "THROTTLED":
        told = limits(reply)
        after = told.resets_in if told else None
        return errors.RetryLater("The shop's cost limit is reached.", code="rate_limited", status=200, after=after)
    if code == "ACCESS_DENIED":
        scope = _SCOPE.search(str(extensions.get("requiredAccess"))) if isinstance(extensions, dict) else None
        lacks = f"the access scope {scope[1]}" if scope else "an access scope for this"
        return errors.Refused(f"The token lacks {lacks}.", code="forbidden", status=200)
    if code in {"INTERNAL_SERVER_ERROR", "TIMEOUT"}:
        return errors.RetryLater(code.lower(), status=200)
    if not first:
        return garbled(reply.status)
    return errors.Refused(f"Shopify refused the request ({code or 'no code'}).", status=200)


def _refusal(refusal: Mapping[str, Any]) -> errors.Refused:
    code, path = _code(refusal.get("code")).lower(), refusal.get("field")
    last = path[-1] if isinstance(path, list) and path else ""
    field = last if isinstance(last, str) and _NAME.match(last) else ""
    if field == "email" and code in {"invalid", "blank"}:
        return errors.Refused("The e-mail address is invalid.", code="invalid_email", status=200, field="email")
    if field == "customerId" and code in {GONE, "invalid"}:
        # The latter it says of consents.
        return errors.Refused("There is no such customer any more.", code=GONE, status=200, field=field)
    if code == "taken":
        return errors.Refused(f"Another customer has this {field}.", code="conflict", status=200, field=field)
    return errors.Refused(f"Shopify refused it ({code or 'no code'}).", code=code, status=200, field=field)


def _code(value: Any) -> str:
    return value if isinstance(value, str) and _CODE.match(value) else ""


def limits(reply: Reply) -> Limits | None:
    """Return how many requests of the same cost are left, and when there is room for one more. Pure."""
    try:
        cost = json.loads(reply.body)["extensions"]["cost"]
        bucket, wanted = cost["throttleStatus"], float(cost["requestedQueryCost"])
        left, rate = float(bucket["currentlyAvailable"]), float(bucket["restoreRate"])
    except (ValueError, TypeError, KeyError, RecursionError):
        return None
    if wanted <= 0 or rate <= 0:
        return None
    is_over = left < wanted
    room_in = (wanted - left if is_over else wanted) / rate
    return Limits(remaining=int(max(left, 0) / wanted), resets_in=room_in, is_over=is_over)


def quoted(text: str) -> str:
    """Return a text as a phrase of Shopify's search language, which has no parameters."""
    return '"' + re.sub(r'(["\\])', r"\\\1", text) + '"'
