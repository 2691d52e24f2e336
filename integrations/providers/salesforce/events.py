"""What Salesforce's outbound messages tell: SOAP, unsigned, up to a hundred records in one. Pure.

Their proof is the secret address, and that they name the organisation which the connector is for.
Source: https://developer.salesforce.com/docs/atlas.en-us.api.meta/api/sforce_api_om_outboundmessaging.htm.
"""

from collections.abc import Sequence
from typing import Any

from defusedxml import DefusedXmlException
from defusedxml.ElementTree import ParseError, fromstring

from integrations.providers.base import Acknowledgement, Received, VendorEvent
from integrations.providers.errors import BadSignature, Refused
from integrations.providers.signatures import check_address
from integrations.providers.values import digest, moment

ACK = Acknowledgement(
    200,
    "text/xml; charset=utf-8",
    '<soapenv:Envelope xmlns:soapenv="http://schemas.xmlsoap.org/soap/envelope/"><soapenv:Body>'
    '<notificationsResponse xmlns="http://soap.sforce.com/2005/09/outbound"><Ack>true</Ack></notificationsResponse>'
    "</soapenv:Body></soapenv:Envelope>",
)
_BODY = "{http://schemas.xmlsoap.org/soap/envelope/}Body"
_OUTBOUND = "{http://soap.sforce.com/2005/09/outbound}"
_KIND = "{http://www.w3.org/2001/XMLSchema-instance}type"
_PEOPLE = {"Lead", "Contact"}
_MOST = 100
_LONGEST_BYTES = 1_000_000
_ID_LENGTH = 15
"""Of an id; three more may follow, which repeat which letters are capital."""


def verify(received: Received, secrets: Sequence[str], organisation: str) -> None:
    """Check the address, and that a message names the organisation. Raises: BadSignature."""
    check_address(received.url, secrets)
    if not organisation:
        raise BadSignature("Enter the organisation's id on the connector.", code="no_organisation")
    try:
        named = _text(_notifications(received.body), "OrganizationId")
    except Refused:
        # What can't be read names nobody; `parse` says so.
        return
    if named[:_ID_LENGTH] != organisation[:_ID_LENGTH]:
        raise BadSignature("The message is another organisation's.", code="foreign_account")


def parse(received: Received) -> list[VendorEvent]:
    """Return what happened to leads and contacts. Raises: Refused where it is no outbound message."""
    told = _notifications(received.body).findall(f"{_OUTBOUND}Notification")
    if len(told) > _MOST:
        raise Refused("The message holds more than 100 notifications.", code="unreadable")
    found = {event.dedupe_id: event for item in told if (event := _event(item)) is not None}
    return list(found.values())


def _notifications(body: bytes) -> Any:
    """Return the element with all of them. Raises: Refused."""
    try:
        # No document type at all: what is declared there may be made of more than was sent.
        root = fromstring(body[: _LONGEST_BYTES + 1], forbid_dtd=True)
    except (ParseError, DefusedXmlException, ValueError) as err:
        raise Refused("The message is no XML that we read.", code="unreadable") from err
    found = root.find(f"{_BODY}/{_OUTBOUND}notifications")
    if found is None or len(body) > _LONGEST_BYTES:
        raise Refused("The message is no outbound message.", code="unreadable")
    return found


def _event(item: Any) -> VendorEvent | None:
    record = item.find(f"{_OUTBOUND}sObject")
    id = _text(item, "Id")
    if record is None or not id or str(record.get(_KIND) or "").rpartition(":")[2] not in _PEOPLE:
        return None
    # Fields have the namespace of the organisation's own description, which there are two of.
    fields = {str(field.tag).rpartition("}")[2]: (field.text or "").strip() for field in record}
    record_id = fields.get("Id", "")[:40]
    if not record_id:
        return None
    data = {"record_id": record_id, "email": fields.get("Email", "").lower()[:254]}
    filled = {name: value for name, value in data.items() if value}
    at = fields.get("SystemModstamp") or fields.get("LastModifiedDate") or ""
    return VendorEvent(_type(fields), f"contact:{record_id}", digest(id), moment(at), filled)


def _type(fields: dict[str, str]) -> str:
    if fields.get("IsDeleted") == "true":
        return "contact.deleted"
    return "contact.unsubscribed" if fields.get("HasOptedOutOfEmail") == "true" else "contact.changed"


def _text(element: Any, name: str) -> str:
    return (element.findtext(f"{_OUTBOUND}{name}") or "").strip()
