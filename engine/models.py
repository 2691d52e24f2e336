"""What people may ask, and what they asked."""

from django.db import models

from gateway.models import Client
from integrations.models import Connector
from runtime.clock import db_now
from runtime.ids import uuid7


class Intent(models.Model):
    """Something people ask for; `action` says where the answer comes from.

    `connector` and `operation` say which of the defined operations is asked, where it is one.
    `answer` has `{placeholders}` named by the facts of its action, such as `{status}`; nothing else in it is special.
    `updated_at`, here and in what belongs to it, tells the processes that what they remember is old (engine.catalogue).
    """

    class Action(models.TextChoices):
        ORDER = "order", "Look up an order"
        STOCK = "stock", "Look up stock"
        FAQ = "faq", "Answer from the FAQs"
        TEXT = "text", "Answer with the text below"
        OPERATION = "operation", "Ask a system what you have defined there"

    name = models.SlugField(max_length=64, unique=True)
    label = models.CharField(max_length=120, help_text="What people see when it is suggested.")
    action = models.CharField(max_length=16, choices=Action)
    answer = models.TextField(
        blank=True,
        help_text="Facts go in braces, such as {status}; a sentence whose fact is not known is left out. Empty = ours.",
    )
    connector = models.ForeignKey(Connector, null=True, blank=True, on_delete=models.PROTECT, related_name="intents")
    operation = models.CharField(max_length=40, blank=True, default="", db_default="")
    is_public = models.BooleanField(default=False, help_text="Publishable keys may ask it.")
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.label


class Example(models.Model):
    """A way people put an intent into words."""

    intent = models.ForeignKey(Intent, on_delete=models.CASCADE, related_name="examples")
    text = models.CharField(max_length=300)
    updated_at = models.DateTimeField(auto_now=True)

    def __str__(self) -> str:
        return self.text


class Slot(models.Model):
    """Something an intent must know before it can be answered, and the question that asks for it."""

    class Kind(models.TextChoices):
        ORDER_NUMBER = "order_number", "order number"
        EMAIL = "email", "e-mail address"
        SKU = "sku", "article number (SKU)"
        TEXT = "text", "free text"

    intent = models.ForeignKey(Intent, on_delete=models.CASCADE, related_name="slots")
    name = models.SlugField(max_length=40)
    kind = models.CharField(max_length=16, choices=Kind)
    prompt = models.CharField(max_length=200)
    position = models.PositiveSmallIntegerField(default=0)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        ordering = ["position", "id"]
        constraints = [models.UniqueConstraint(fields=["intent", "name"], name="slot_once")]

    def __str__(self) -> str:
        return self.name


class Faq(models.Model):
    """A question people ask often, and its answer."""

    question = models.CharField(max_length=300)
    answer = models.TextField()
    is_active = models.BooleanField(default=True)
    updated_at = models.DateTimeField(auto_now=True)

    class Meta:
        verbose_name = "FAQ"

    def __str__(self) -> str:
        return self.question


class Conversation(models.Model):
    """The turns one visitor had with one client's chatbot; `slots` is `{name: value}` for `intent`.

    `customer_reference` is the caller's own id of the visitor, where it said one. A conversation that a visitor's
    session began goes on in that session, or by the client's server.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    intent = models.ForeignKey(Intent, null=True, blank=True, on_delete=models.SET_NULL)
    slots = models.JSONField(default=dict, blank=True)
    customer_reference = models.CharField(max_length=200, blank=True)
    session_id = models.UUIDField(null=True, blank=True, editable=False)
    created_at = models.DateTimeField(default=db_now)
    updated_at = models.DateTimeField(default=db_now, db_index=True)

    def __str__(self) -> str:
        return str(self.id)


class Turn(models.Model):
    """One question and its answer; `facts` are the receipts given with it."""

    class State(models.TextChoices):
        ANSWERED = "answered", "answered"
        NEEDS_INPUT = "needs_input", "asked for more"
        VERIFICATION_REQUIRED = "verification_required", "asked for proof"
        SUGGESTIONS = "suggestions", "suggested"
        NO_MATCH = "no_match", "nothing found"
        PARTIAL = "partial", "answered in part"
        UNAVAILABLE = "unavailable", "back end did not answer"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="turns")
    at = models.DateTimeField(default=db_now, db_index=True)
    prompt = models.TextField()
    state = models.CharField(max_length=24, choices=State)
    intent = models.ForeignKey(Intent, null=True, blank=True, on_delete=models.SET_NULL)
    confidence = models.FloatField(null=True)
    answer = models.TextField(blank=True)
    facts = models.JSONField(default=list, blank=True)
    request_id = models.CharField(max_length=64, blank=True)

    class Meta:
        ordering = ["at", "id"]

    def __str__(self) -> str:
        return self.prompt[:60]


class Confirmation(models.Model):
    """Something that changes a system, and that a visitor said yes to; a delivery does it.

    `id` is that of the question they answered. `arguments` is what the operation is told, `told` what the system said
    when it was done.
    """

    KIND = "confirmation"
    """What deliveries call it."""

    id = models.UUIDField(primary_key=True, editable=False)
    conversation = models.ForeignKey(Conversation, on_delete=models.CASCADE, related_name="confirmations")
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="+")
    operation = models.CharField(max_length=40)
    label = models.CharField(max_length=80)
    arguments = models.JSONField(default=dict)
    told = models.JSONField(default=dict)
    created_at = models.DateTimeField(default=db_now)
    done_at = models.DateTimeField(null=True)

    def __str__(self) -> str:
        return self.label
