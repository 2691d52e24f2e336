"""Who a lead is: reading e-mail addresses and phone numbers, and finding the leads they point at."""

import functools
import re
import uuid
from collections.abc import Collection, Sequence
from dataclasses import dataclass

import phonenumbers
from django.conf import settings
from django.db.models import Q
from email_validator import EmailNotValidError, validate_email

from gateway.models import Client
from leads.models import Lead, Reference
from leads.models.people import is_one_of
from runtime.together import Statement


class NotAnIdentifier(ValueError):
    """A text is not an e-mail address or a phone number; the message says what would be."""


# Local parts that mean the same to everyone; whatever else there is, the library judges.
_PLAIN_LOCAL = re.compile(r"[A-Za-z0-9_+-]+(\.[A-Za-z0-9_+-]+)*")
_LONGEST_LOCAL, _LONGEST_EMAIL = 64, 254
_NO_EMAIL = "This is not an e-mail address such as anna@example.com."


def email_normalized(text: str) -> str:
    """Return an address trimmed and in lower case. Raises: NotAnIdentifier."""
    address = text.strip()
    local, _, domain = address.rpartition("@")
    try:
        if len(local) > _LONGEST_LOCAL or not _PLAIN_LOCAL.fullmatch(local):
            return validate_email(address, check_deliverability=False).normalized.lower()
        normalized = f"{local}@{_domain_normalized(domain)}".lower()
    except EmailNotValidError as err:
        raise NotAnIdentifier(_NO_EMAIL) from err
    if len(normalized) > _LONGEST_EMAIL:
        raise NotAnIdentifier(_NO_EMAIL)
    return normalized


@functools.lru_cache(maxsize=4096)
def _domain_normalized(domain: str) -> str:
    """Return a domain as the library has it; most people share a few, and judging one costs a tenth of a capture."""
    return validate_email(f"a@{domain}", check_deliverability=False).domain


def phone_normalized(text: str) -> str:
    """Return a number in E.164. Raises: NotAnIdentifier."""
    try:
        number = phonenumbers.parse(text, settings.DEFAULT_REGION or None)
    except phonenumbers.NumberParseException as err:
        raise NotAnIdentifier("Give the phone number with its country code, such as +49 30 901820.") from err
    if not phonenumbers.is_possible_number(number):
        raise NotAnIdentifier("This phone number is too short or too long for its country.")
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)


@dataclass(frozen=True, slots=True)
class Identifiers:
    """What a caller says about who a lead is; empty where it says nothing."""

    client: Client
    reference: str
    email: str
    phone: str

    @property
    def is_phone_alone(self) -> bool:
        """Say whether the phone is all there is, and therefore identifies."""
        return bool(self.phone) and not self.email and not self.reference


@dataclass(frozen=True, slots=True)
class Match:
    """The lead that identifiers point at, and another one that some of them point at."""

    lead: Lead | None
    by: str
    other: Lead | None = None

    @property
    def is_ambiguous(self) -> bool:
        """Say whether another identifier points elsewhere."""
        return self.other is not None


class Known:
    """The leads that a group of identifiers points at, their rows locked, and those made in the same group.

    `is_email_known` is what `asking_known` found out about their addresses.
    """

    def __init__(self, group: Sequence[Identifiers], *, is_email_known: bool) -> None:
        self._references = _references(group)
        self._by_id: dict[uuid.UUID, Lead] = {}
        self._by_email: dict[str, Lead] = {}
        self._by_phone: dict[str, Lead] = {}
        for lead in _leads(group, self._references.values(), is_email_known):
            self.add(lead)

    def add(self, lead: Lead) -> None:
        """Take a lead in, or note that its identifiers have changed."""
        self._by_id[lead.pk] = lead
        if lead.email:
            self._by_email[lead.email] = lead
        if lead.phone and self._is_better(lead):
            self._by_phone[lead.phone] = lead

    def add_reference(self, client: Client, value: str, lead: Lead) -> None:
        """Note that a client calls a lead so."""
        self._references[client.pk, value] = lead.pk

    def match(self, who: Identifiers) -> Match:
        """Find the lead: by reference, else by e-mail, else (where neither is given) by phone."""
        by_email = self._by_email.get(who.email)
        if who.reference:
            lead_id = self._references.get((who.client.pk, who.reference))
            if lead_id is None:
                return Match(by_email, Lead.IdentifiedBy.EMAIL if by_email else Lead.IdentifiedBy.REFERENCE)
            lead = self._by_id[lead_id]
            return Match(lead, Lead.IdentifiedBy.REFERENCE, None if by_email is lead else by_email)
        if who.email:
            return Match(by_email, Lead.IdentifiedBy.EMAIL)
        return Match(self._by_phone.get(who.phone), Lead.IdentifiedBy.PHONE)

    def _is_better(self, lead: Lead) -> bool:
        """Several people may share a phone; the one known by it alone is meant first, then the newest."""
        other = self._by_phone.get(lead.phone)
        if other is None or other is lead:
            return True
        return (lead.identified_by == "phone", lead.updated_at) > (other.identified_by == "phone", other.updated_at)


def _references(group: Sequence[Identifiers]) -> dict[tuple[uuid.UUID, str], uuid.UUID]:
    asked = {(who.client.pk, who.reference) for who in group if who.reference}
    if not asked:
        return {}
    rows = Reference.objects.filter(client__in={pk for pk, _ in asked}, value__in={value for _, value in asked})
    return {
        (client, value): lead
        for client, value, lead in rows.values_list("client_id", "value", "lead_id")
        if (client, value) in asked
    }


def _leads(group: Sequence[Identifiers], referred: Collection[uuid.UUID], is_email_known: bool) -> list[Lead]:
    """Load and lock in key order: two groups can't wait for each other."""
    phones = {who.phone for who in group if who.is_phone_alone}
    if not referred and not phones and not is_email_known:
        return []
    asked = Q(pk__in=list(referred)) if referred else Q()
    if emails := emails_of(group):
        asked |= is_one_of("email", emails)
    if phones:
        asked |= is_one_of("phone", phones)
    return list(Lead.objects.select_for_update().filter(asked).order_by("pk")) if asked else []


def emails_of(group: Sequence[Identifiers]) -> list[str]:
    """Return the addresses of a group, each once."""
    return sorted({who.email for who in group if who.email})


def asking_known(emails: Sequence[str]) -> Statement:
    """Return what asks whether one of these belongs to a lead; raw, as most captures ask just this and find nobody.

    Who is captured by another transaction in this moment is found by the database's own constraint. Why it says that
    the address isn't empty: `is_one_of`.
    """
    marks = ", ".join(["%s"] * len(emails))
    return f"SELECT 1 FROM leads_lead WHERE email IN ({marks}) AND NOT email = '' LIMIT 1", emails  # noqa: S608 (marks)
