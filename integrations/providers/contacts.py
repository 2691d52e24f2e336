"""People as a provider sees them, and what became of sending them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class Enquiry:
    """One message a lead sent."""

    at: datetime
    message: str
    page_url: str = ""


@dataclass(frozen=True, slots=True)
class Statement:
    """What a person said about a purpose: agreed or not, when.

    One that came from a public form is not confirmed: anybody may have typed the address.
    """

    granted: bool
    at: datetime
    is_confirmed: bool = True


@dataclass(frozen=True, slots=True)
class Contact:
    """A lead as a provider sees it.

    `id` is our id, `fields` are the vendor's field names with mapped values, `enquiries` are all messages since this
    connector's last delivered one, oldest first; `values` is the unmapped lead, as mappings see it:
    `{"id", "email", "phone", "first_name", "last_name", "company", "reference", "message", "source": {…},
    "attributes": {…}}`.
    """

    id: str
    values: Mapping[str, Any]
    fields: Mapping[str, Any] = field(default_factory=dict)
    enquiries: Sequence[Enquiry] = ()
    consents: Mapping[str, bool] = field(default_factory=dict)
    statements: Mapping[str, Statement] = field(default_factory=dict)
    """The newest statement per purpose."""
    statement: Statement | None = None
    """The one about the purpose that this connector's subscriptions are for."""
    external_id: str = ""
    """The vendor's id as it was told last; the record may be gone since."""
    may_exist: bool = False
    """A try went unanswered and may have had its effect: a provider of `search_then_create` looks for `id` first."""
    idempotency_key: str = ""
    """The same for every try of the same state: where the vendor has a header for it, it acts once."""
    job_item: str = ""
    """What the vendor's job calls it, where it is asked what became of that."""
    goes_alone: bool = False
    """A job that it went in could not tell what became of it (`Outcome.unconfirmed`)."""

    @property
    def mark(self) -> str:
        """What a record that was made for this contact is known by, where the vendor has no field for our id."""
        return f"ShopBotly {self.id}"

    @property
    def full_name(self) -> str:
        """First and last name, as far as they are known."""
        return " ".join(str(name) for part in ("first_name", "last_name") if (name := self.values.get(part)))

    @property
    def email(self) -> str:
        """The e-mail address, lower case, or an empty string."""
        return str(self.values.get("email") or "")


UNCONFIRMED = "unconfirmed"
Kind = Literal["delivered", "accepted", "retry", "rejected", "unknown", "unsent"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item of a request; `item` is what the vendor's job calls it."""

    kind: Kind
    external_id: str = ""
    reason: str = ""
    words: str = ""
    field: str = ""
    after: float | None = None
    job: str = ""
    item: str = ""
    told: Mapping[str, Any] | None = None

    @classmethod
    def delivered(cls, external_id: str = "", told: Mapping[str, Any] | None = None) -> "Outcome":
        """The vendor has it; `told` is what it said to something that was to be done by name."""
        return cls("delivered", external_id=external_id, told=told)

    @classmethod
    def accepted(cls, job: str, check_after: float, item: str = "") -> "Outcome":
        """The vendor works on it; `Confirmer.confirm` is asked for `job` (≤ 200 characters) in `check_after` seconds.

        `item` (≤ 120) says which of the job's items this is, such as its index; it holds no personal data. Left out,
        it is our id, `Contact.id`.
        """
        return cls("accepted", job=job, after=check_after, item=item)

    @classmethod
    def unconfirmed(cls) -> "Outcome":
        """The vendor's job is done and doesn't tell what became of this item: it is sent again, by itself."""
        return cls("retry", reason=UNCONFIRMED)

    @classmethod
    def retry(cls, reason: str, words: str = "", after: float | None = None) -> "Outcome":
        """Try this item again, not before `after` seconds."""
        return cls("retry", reason=reason, words=words, after=after)

    @classmethod
    def rejected(cls, reason: str, words: str = "", field: str = "") -> "Outcome":
        """The vendor will not take this item as it is."""
        return cls("rejected", reason=reason, words=words, field=field)

    @classmethod
    def unknown(cls) -> "Outcome":
        """Sent, and no answer for this item."""
        return cls("unknown", reason="no_answer")

    @classmethod
    def unsent(cls) -> "Outcome":
        """Not sent yet, as something went wrong with one before it: it is sent next, at no cost."""
        return cls("unsent")
