"""What a new installation can answer; an admin edits it, and what was edited is left alone."""

from dataclasses import dataclass, field

from django.db import transaction

from engine import slots
from engine.models import Example, Faq, Intent, Slot


@dataclass(frozen=True, slots=True)
class StarterIntent:
    """An intent with its examples and slots (`(name, kind, question)`)."""

    name: str
    label: str
    action: str
    answer: str
    is_public: bool
    examples: tuple[str, ...]
    slots: tuple[tuple[str, str, str], ...] = field(default=())


INTENTS = (
    StarterIntent(
        "order_status",
        "Order status",
        Intent.Action.ORDER,
        "The status of your order {number} is: {status}. It is expected on {expected_at}. "
        "The tracking number is {tracking_number}. The carrier is {carrier}.",
        False,
        (
            "Check order status",
            "Where is my order?",
            "What is the status of my order?",
            "Track my order",
            "Track my package",
            "Where is my package?",
            "Where is my parcel?",
            "Has my order shipped?",
            "When will my order arrive?",
            "I want to know where my delivery is",
        ),
        (
            ("order_number", slots.ORDER_NUMBER, "What is your order number?"),
            ("email", slots.EMAIL, "Which e-mail address did you order with?"),
        ),
    ),
    StarterIntent(
        "stock",
        "Is it in stock?",
        Intent.Action.STOCK,
        "{name} ({sku}) is {availability}. Available now: {available}. It costs {price}.",
        True,
        (
            "Do you have it in stock?",
            "Is this article available?",
            "Check stock",
            "How many are left in stock?",
            "Stock of an article",
            "Is this product available?",
        ),
        (("sku", slots.SKU, "Which article is it? Please send its number (SKU)."),),
    ),
    StarterIntent("faq", "Frequent questions", Intent.Action.FAQ, "{answer}", True, ()),
    StarterIntent(
        "help",
        "What can you do?",
        Intent.Action.TEXT,
        "I can tell you where your order is, whether an article is in stock, and answer questions about shipping, "
        "returns and payment.",
        True,
        ("Help", "What can you help me with?", "Hello, what can I ask?"),
    ),
)

FAQS = (
    (
        "How long does shipping take?",
        "Orders placed before 2 pm leave our warehouse on the same working day. Delivery takes 2 to 4 working days.",
    ),
    ("How much does shipping cost?", "Shipping costs 4.90. It is free for orders above 50."),
    ("Do you ship abroad?", "Yes. Deliveries to other countries take 5 to 9 working days."),
    ("How can I return an article?", "You can return articles within 30 days. A return label is in the parcel."),
    ("Which payment methods do you accept?", "You can pay by card, bank transfer or invoice."),
    ("Can I change or cancel my order?", "Yes, until it is handed to the carrier. Please write to us right away."),
)


def starter_install() -> None:
    """Add the starter intents whose names are free, and the FAQs where there are none; again, it changes nothing."""
    with transaction.atomic():
        for starter in INTENTS:
            _intent_install(starter)
        if not Faq.objects.exists():
            Faq.objects.bulk_create([Faq(question=question, answer=answer) for question, answer in FAQS])


def _intent_install(starter: StarterIntent) -> None:
    """Add an intent with all that belongs to it, unless one of its name exists: that one is the admin's."""
    values = {name: getattr(starter, name) for name in ("label", "action", "answer", "is_public")}
    intent, is_new = Intent.objects.get_or_create(name=starter.name, defaults=values)
    if not is_new:
        return
    Example.objects.bulk_create([Example(intent=intent, text=text) for text in starter.examples])
    Slot.objects.bulk_create(
        [
            Slot(intent=intent, name=name, kind=kind, prompt=prompt, position=position)
            for position, (name, kind, prompt) in enumerate(starter.slots)
        ]
    )
