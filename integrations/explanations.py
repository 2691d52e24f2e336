"""Plain words for what happened to a delivery: what, to what, why, what to do."""

from integrations.models import Delivery
from integrations.outbox import CALL, ERASE
from integrations.providers.registry import PROVIDERS, class_of

State = Delivery.State

_REASONS: dict[str, tuple[str, str]] = {
    # code: (what happened, what to do); {vendor} is the connector's name, {field} the vendor's field, {words} its words
    "not_authorised": (
        "{vendor} no longer accepts the stored key",
        "Enter a new one under Credentials and press “Test connection”; what waits is then sent by itself.",
    ),
    "endpoint_gone": ("{vendor} says this address is gone for good", "Correct the base address, then resume it."),
    "unknown_field": (
        "{vendor} does not know the field “{field}”",
        "Create it there or leave it out of the mapping, then send again.",
    ),
    "invalid_email": ("{vendor} does not accept the e-mail address", "Correct the lead, then send again."),
    "refused": ("{vendor} refused it{said}", "Correct the mapping or the lead, then send again."),
    "forbidden": (
        "The stored key of {vendor} may not do this{said}",
        "Give it the missing right at the vendor, then send again.",
    ),
    "misconfigured": ("The connector {vendor} cannot work as it is set up{said}", "Correct its settings."),
    "egress_denied": (
        "The address of {vendor} is not one we may connect to",
        "Use a public https:// address, or have it added to EGRESS_ALLOW.",
    ),
    "unsupported": ("{vendor} cannot do this", "Untick this operation on the connector."),
    "not_confirmed": (
        "{vendor} accepted it and has not said since whether it worked{said}",
        "Look for the lead there; press “Send again” if it is missing.",
    ),
    "change_unanswered": (
        "{vendor} gave no answer that can be read{said}, so it may have been done or not",
        "Look there; press “Send again” only if it was not done.",
    ),
    "unconfirmed": (
        "{vendor} took it with others and did not tell what became of it",
        "It is sent again by itself, alone.",
    ),
    "no_answer": ("{vendor} did not answer in time", "It is tried again by itself."),
    "retry_later": ("{vendor} had a problem of its own{said}", "It is tried again by itself."),
    "rate_limited": ("{vendor} asked us to slow down", "It is tried again by itself."),
    "connect_failed": ("{vendor} could not be reached", "It is tried again by itself."),
    "garbled_reply": ("{vendor} gave an answer that could not be read", "It is tried again by itself."),
    "busy": ("Too many calls to {vendor} were under way at once", "It is tried again by itself."),
    "no_time_left": ("There was no time left to ask {vendor}", "It is tried again by itself."),
    "tls_failed": (
        "{vendor} could not prove who it is: its certificate is not valid",
        "It is tried again by itself; if that goes on, ask the vendor.",
    ),
    "reply_too_long": ("{vendor} gave an answer that is far too long", "It is tried again by itself."),
    "redirected": ("{vendor} sends us to another address{said}", "Correct the base address, then send again."),
    "mapping": ("The mapping for {vendor} can't be worked out{said}", "Correct the mapping, then send again."),
    "conflict": (
        "{vendor} has another record with the same details{said}",
        "Merge the two there, then send again.",
    ),
    "invalid_option": (
        "{vendor} does not know this value of “{field}”",
        "Add the value there or map another, then send again.",
    ),
    "read_only_field": ("{vendor} does not let “{field}” be written", "Leave it out of the mapping, then send again."),
    "ambiguous": ("{vendor} knows several records that fit", "Merge them there, then send again."),
    "sender_vanished": ("The worker stopped while it was sending", "It is sent again by itself."),
    "batch_conflict": ("{vendor} refused the whole batch because of a conflict", "It is tried again by itself."),
    "no_identifier": (
        "The lead has nothing that {vendor} can tell it by",
        "It is sent as soon as a capture brings an e-mail address.",
    ),
    "sealed_with_lost_key": (
        "Who is to be erased at {vendor} was sealed with a key that is not among ENCRYPTION_KEYS",
        "Put that key back, then send again.",
    ),
    "no_consent": (
        "The lead has not said whether they agree to get marketing",
        "It is sent to {vendor} as soon as a capture brings their consent.",
    ),
    "needs_double_opt_in": (
        "The consent is not confirmed, and {vendor} is not set up to ask for a confirmation",
        "Set up double opt-in on the connector, then send again.",
    ),
    "unsubscribed_there": (
        "The person has unsubscribed at {vendor}, and is not subscribed again behind their back",
        "Only they can come back, by a form of the vendor’s.",
    ),
    "filtered": (
        "{vendor} does not take this lead{rule}",
        "It is sent by itself once that holds, or once the connector’s filter says otherwise.",
    ),
    "subject_gone": ("The lead no longer exists", ""),
    "erased": ("The person was erased", ""),
    "cancelled_by_person": ("Somebody cancelled it", "Press “Send again” if it should be sent after all."),
}


_ERASURES = {
    # What is said otherwise where somebody is to be forgotten.
    "no_identifier": (
        "Nothing is known any more that {vendor} could find the person by",
        "Erase them there by hand, then cancel this.",
    ),
    "unsupported": ("{vendor} cannot be told to forget", "Erase the person there by hand, then cancel this."),
    "cancelled_by_person": ("Somebody cancelled it", "Erase the person there by hand if that was not done."),
}


_CHANGES = {
    # What is said otherwise where it is no lead, but a change that somebody asked for.
    "refused": ("{vendor} refused it{said}", "Correct it there or at its endpoint, then send again."),
    "invalid_email": ("{vendor} does not accept the e-mail address", "Cancel it: whoever asked has to ask again."),
    "unknown_field": ("{vendor} does not know the field “{field}”", "Correct the endpoint’s body, then send again."),
    "mapping": ("What is sent to {vendor} can't be worked out{said}", "Correct the endpoint, then send again."),
    "not_confirmed": (
        "{vendor} accepted it and has not said since whether it worked{said}",
        "Look there; press “Send again” only if it was not done.",
    ),
    "subject_gone": ("What was asked for is done or no longer kept", ""),
}


def explain(delivery: Delivery) -> str:
    """Return one or two sentences for a person about where a delivery stands."""
    vendor = delivery.connector.name
    is_erasure = delivery.operation == ERASE
    match delivery.state:
        case State.DELIVERED:
            if is_erasure:
                return f"{vendor} has forgotten the person."
            if delivery.unanswered_at and _may_arrive_twice(delivery):
                return f"{vendor} has it, perhaps twice: an earlier try was not answered."
            return f"{vendor} has it."
        case State.SENDING:
            return f"Being sent to {vendor} now."
        case State.CONFIRMING:
            return f"{vendor} has accepted it and is still working on it. It is asked again by itself."
        case State.SUPERSEDED:
            return "A newer delivery about the same took its place."
    if not delivery.reason:
        words = f"{vendor} will be asked to forget the person." if is_erasure else f"Waits to be sent to {vendor}."
        return words if delivery.state == State.WAITING else ""
    happened, advice = _REASONS.get(delivery.reason, _REASONS["refused"])
    elsewhere = _ERASURES if is_erasure else _CHANGES if delivery.operation == CALL else {}
    happened, advice = elsewhere.get(delivery.reason, (happened, advice))
    said = f": “{delivery.vendor_words}”" if delivery.vendor_words else ""
    if delivery.state == State.NEEDS_YOU and advice.endswith("by itself."):
        advice = f"It was tried {delivery.tries} times; press “Send again” when {vendor} is well."
    elif delivery.state == State.WAITING and delivery.unanswered_at and delivery.connector.provider in PROVIDERS:
        advice = _SILENT_ADVICE[_effect(delivery)]
    advice = advice.replace("{vendor}", vendor)
    rule = f": its filter asks that {delivery.vendor_words}" if delivery.vendor_words else ": its filter leaves it out"
    happened = happened.replace("{rule}", rule)
    words = happened.replace("{vendor}", vendor).replace("{field}", delivery.field or "?").replace("{said}", said)
    return f"{words}. {advice}".strip()


def _may_arrive_twice(delivery: Delivery) -> bool:
    """Tell whether the vendor can't know that a second try is the same."""
    return delivery.connector.provider in PROVIDERS and _SILENT_ADVICE[_effect(delivery)] == _TWICE


def _effect(delivery: Delivery) -> str:
    if delivery.operation == CALL:
        return "call"
    provider = class_of(delivery.connector)
    return "keyed" if provider.has_idempotency_key else provider.effect


_TWICE = "It is tried again by itself, so it may arrive twice."
_SILENT_ADVICE = {
    "upsert": "It is tried again by itself.",
    "search_then_create": "A minute later we look there first, so that it does not arrive twice.",
    "keyed": "It is tried again by itself, under the same number, so that it does not arrive twice.",
    "at_least_once": _TWICE,
    "call": "It is tried again only where that can do no harm; else you are asked.",
}
