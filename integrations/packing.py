"""Makes parcels of claimed deliveries: what each is about is loaded and mapped as it is now."""

import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Max

from integrations import deliveries, erasures, subjects, subscriptions
from integrations.connections import operations_of
from integrations.mappings import mapped_fields
from integrations.models import Connector, Delivery
from integrations.outbox import CALL, ERASE, LeftOut
from integrations.parcels import Inquiry, Parcel
from integrations.providers import errors
from integrations.providers.base import UNCONFIRMED, Contact, Outcome, Provider
from integrations.providers.registry import class_of
from integrations.settling import UNANSWERED_WAIT, may_harm_twice
from runtime import secrets
from runtime.clock import db_now

State = Delivery.State


def mapped(connector: Connector, contact: Contact) -> Contact:
    """Return the contact with the vendor's fields filled in and what they agreed to. Raises: errors.Misconfigured."""
    told = subscriptions.with_statement(connector, contact)
    return replace(told, fields=mapped_fields(connector, contact.values))


@dataclass(frozen=True, slots=True)
class Told:
    """What a connector knows of a subject: the newest revision it was told, and how it calls it."""

    revision: int = 0
    external_id: str = ""


class Packer:
    """Packs one connector's deliveries; what can't be sent is settled."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self._provider: type[Provider] = class_of(connector)

    def pack(self, batch: Sequence[Delivery]) -> Parcel | None:
        """Return a parcel of deliveries of one operation, or None where none of them can be sent."""
        told, unanswered = self._told(batch), self._unanswered(batch)
        parcel, results = Parcel(), deliveries.Results(self._connector)
        pack = {ERASE: self._erased, CALL: self._confirmed}.get(batch[0].operation, self._leads)
        contacts = pack(batch, told, results)
        for delivery in batch:
            if (contact := contacts.get(delivery.pk)) is None:
                continue
            at = unanswered.get(delivery.subject_id)
            if at and delivery.operation == CALL and delivery.tries and not self._is_repeatable(contact):
                # Nobody knows whether it was done; who presses "Send again" has looked, and that begins anew.
                results.ask_person(delivery, "change_unanswered", delivery.vendor_words)
                continue
            if at and at + UNANSWERED_WAIT > db_now():
                results.postpone(delivery, at + UNANSWERED_WAIT)
                continue
            delivery.unanswered_at = at or delivery.unanswered_at
            parcel.add(
                delivery,
                replace(
                    contact,
                    external_id=told[delivery.subject_id].external_id,
                    may_exist=at is not None,
                    idempotency_key=_idempotency_key(delivery),
                    goes_alone=delivery.reason == UNCONFIRMED,
                ),
            )
        results.save()
        return parcel if parcel.deliveries else None

    def inquiry(self, accepted: Sequence[Delivery]) -> Inquiry:
        """Return the question what became of deliveries of one job, with what each is about as it is now."""
        ids = dict.fromkeys((delivery.subject_id for delivery in accepted), 0)
        loaded = subjects.load(accepted[0].subject_kind, ids)
        contacts = (self._as_it_is(loaded.get(delivery.subject_id), delivery) for delivery in accepted)
        return Inquiry(list(accepted), list(contacts))

    def _as_it_is(self, subject: subjects.Loaded | None, delivery: Delivery) -> Contact:
        contact = Contact(str(delivery.subject_id), {})
        if subject is not None:
            # A mapping that broke since has no say in what became of what was sent by the one before it.
            with suppress(errors.Misconfigured):
                contact = mapped(self._connector, subject.contact)
        return replace(contact, job_item=delivery.job_item)

    def _confirmed(
        self, batch: Sequence[Delivery], told: Mapping[uuid.UUID, Told], results: deliveries.Results
    ) -> dict[uuid.UUID, Contact]:
        """Return what somebody has confirmed and is not done yet, as it was confirmed."""
        loaded = subjects.load(batch[0].subject_kind, {pk: known.revision for pk, known in told.items()})
        found = {}
        for delivery in batch:
            if (subject := loaded.get(delivery.subject_id)) is None:
                results.cancel(delivery, "subject_gone")
            else:
                delivery.revision = subject.revision
                found[delivery.pk] = subject.contact
        return found

    def _is_repeatable(self, contact: Contact) -> bool:
        defined = operations_of(self._connector)
        return any(each.is_repeatable for each in defined if each.name == contact.values["operation"])

    def _leads(
        self, batch: Sequence[Delivery], told: Mapping[uuid.UUID, Told], results: deliveries.Results
    ) -> dict[uuid.UUID, Contact]:
        """Return the contacts of deliveries whose subject qualifies, mapped."""
        loaded = subjects.load(batch[0].subject_kind, {pk: known.revision for pk, known in told.items()})
        unwanted, found = self._unwanted(batch), {}
        for delivery in batch:
            subject = loaded.get(delivery.subject_id)
            if subject is None:
                results.cancel(delivery, "subject_gone")
            elif because := unwanted.get(delivery.subject_id):
                results.skip(delivery, **because.told())
            elif not self._can_tell(subject.contact):
                results.skip(delivery, "no_identifier")
            elif subscriptions.is_undecided(self._connector, delivery.operation, subject.contact):
                results.skip(delivery, subscriptions.NO_CONSENT)
            else:
                delivery.revision = subject.revision
                try:
                    found[delivery.pk] = mapped(self._connector, subject.contact)
                except errors.Misconfigured as err:
                    results.add(delivery, Outcome.rejected(err.code, err.words))
        return found

    def _unwanted(self, batch: Sequence[Delivery]) -> dict[uuid.UUID, LeftOut]:
        """Return whom the filter leaves out by now, such as who withdrew: that counts up to the last moment."""
        if batch[0].operation == subscriptions.SUBSCRIBE:
            # Subscriptions follow the consent by themselves: a withdrawal is what they have to tell.
            return {}
        lead_filter = self._connector.lead_filter
        if not lead_filter or batch[0].subject_kind != "lead":
            return {}
        ids = [delivery.subject_id for delivery in batch]
        seen = subjects.surveyor("lead").some(lead_filter, ids)
        return {lead.id: lead.left_out for lead in seen if lead.left_out}

    def _erased(
        self, batch: Sequence[Delivery], told: Mapping[uuid.UUID, Told], results: deliveries.Results
    ) -> dict[uuid.UUID, Contact]:
        """Return whom erasures are about, as far as the vendor can tell who that is."""
        found = {}
        for delivery in batch:
            try:
                contact = erasures.contact_of(delivery)
            except secrets.WrongEncryptionKey:
                results.ask_person(delivery, "sealed_with_lost_key")
                continue
            if told[delivery.subject_id].external_id or self._can_tell(contact):
                found[delivery.pk] = contact
            else:
                results.ask_person(delivery, "no_identifier")
        return found

    def _can_tell(self, contact: Contact) -> bool:
        """Say whether the vendor can tell by this who somebody is."""
        return any(contact.values.get(name) for name in self._provider.identifiers)

    def _told(self, batch: Sequence[Delivery]) -> dict[uuid.UUID, Told]:
        """Return what the connector knows of each subject of a batch of one operation."""
        ids = [delivery.subject_id for delivery in batch]
        told = Delivery.objects.filter(connector=self._connector, subject_id__in=ids, state=State.DELIVERED)
        operation = batch[0].operation
        told = told.exclude(operation=ERASE) if operation == ERASE else told.filter(operation=operation)
        found = dict.fromkeys(ids, Told())
        grouped = told.values_list("subject_id", "external_id").annotate(Max("revision"))
        for subject_id, external_id, revision in grouped:
            if revision >= found[subject_id].revision:
                found[subject_id] = Told(revision, external_id)
        return found

    def _unanswered(self, batch: Sequence[Delivery]) -> dict[uuid.UUID, datetime]:
        """Return when a try for a subject last went unanswered, of those that none was answered after."""
        if not may_harm_twice(self._connector, batch[0].operation):
            return {}
        ids = [delivery.subject_id for delivery in batch]
        rows = Delivery.objects.filter(connector=self._connector, subject_id__in=ids, operation=batch[0].operation)
        delivered = dict(rows.filter(state=State.DELIVERED).values_list("subject_id").annotate(Max("settled_at")))
        unanswered = rows.exclude(state__in=[State.DELIVERED, State.SUPERSEDED]).exclude(unanswered_at=None)
        found = dict(unanswered.values_list("subject_id").annotate(Max("unanswered_at")))
        return {pk: at for pk, at in found.items() if pk not in delivered or delivered[pk] < at}


def _idempotency_key(delivery: Delivery) -> str:
    """Return what a state is called, the same for each of its tries; what was confirmed has one state."""
    return str(delivery.subject_id) if delivery.operation == CALL else f"{delivery.pk}-{delivery.revision}"
