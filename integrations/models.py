"""What leaves the house: connectors, credentials, deliveries (the outbox) and the log of calls."""

from django.db import models

from integrations.outbox import DeliveryQuerySet
from runtime.clock import db_now
from runtime.ids import uuid7
from runtime.jobs import JobQuerySet
from runtime.models import Job


class Credential(models.Model):
    """A vendor's secret, sealed; it is sent to `host` alone.

    `sealed` (slot A) and `spare` (slot B) decrypt to `{"api_key", "username"?}`, `{"client_secret"}` or
    `{"private_key"}`; `settings` holds what is no secret: `{"client_id", "token_url", "authorize_url", "scopes",
    "subject", "audience"}`. `tokens` decrypts to `{"access_token", "refresh_token"?}`, good until `tokens_until`;
    who renews them holds `renewing_until`. `trouble` says in words why they can't be renewed without a person.
    """

    class SignIn(models.TextChoices):
        KEY = "key", "a key"
        CLIENT_CREDENTIALS = "client_credentials", "client id and secret"
        AUTHORIZATION_CODE = "authorization_code", "signing in at the vendor"
        JWT_BEARER = "jwt_bearer", "a signed assertion"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True)
    provider = models.CharField(max_length=32)
    host = models.CharField(max_length=255, blank=True, help_text="The only host this secret is sent to.")
    sealed = models.TextField(editable=False)
    sealed_with = models.CharField(max_length=16, editable=False)
    sign_in = models.CharField(max_length=24, choices=SignIn, default=SignIn.KEY, editable=False)
    settings = models.JSONField(default=dict, blank=True, editable=False)
    entered_at = models.DateTimeField(default=db_now, editable=False)
    spare = models.TextField(blank=True, editable=False)
    spare_entered_at = models.DateTimeField(null=True, editable=False)
    tokens = models.TextField(blank=True, editable=False)
    tokens_until = models.DateTimeField(null=True, editable=False)
    renewing_until = models.DateTimeField(null=True, editable=False)
    renewals = models.PositiveBigIntegerField(default=0, editable=False)
    trouble = models.CharField(max_length=300, blank=True, editable=False)
    created_at = models.DateTimeField(default=db_now, editable=False)
    changed_at = models.DateTimeField(default=db_now, editable=False)

    def __str__(self) -> str:
        return self.name


class Connector(models.Model):
    """A configured connection to one account at one vendor.

    `operations` lists what it does with leads (`upsert`, `subscribe`, …); `lead_filter` is a list of
    rules that all have to hold, `[{"about", "test", "values"}]` (integrations.rules); empty means all leads.
    """

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True)
    provider = models.CharField(max_length=32)
    base_url = models.CharField(max_length=255, verbose_name="base address")
    credential = models.ForeignKey(Credential, null=True, blank=True, on_delete=models.PROTECT)
    config = models.JSONField(default=dict, blank=True)
    operations = models.JSONField(default=list, blank=True)
    lead_filter = models.JSONField(default=list, blank=True)
    retry_policy = models.JSONField(
        default=dict,
        blank=True,
        help_text='When to try again, in seconds: {"trouble": [10, 60, …], "refusal": [300, …]}; empty = the usual.',
    )
    quota = models.JSONField(
        default=dict,
        blank=True,
        help_text='The vendor’s limits: {"requests": 100, "seconds": 10, "daily": 250000}; empty = as its answers say.',
    )
    max_in_flight = models.PositiveSmallIntegerField(
        null=True, blank=True, verbose_name="calls at once", help_text="Empty = what is usual for this vendor."
    )
    lookup_order = models.PositiveSmallIntegerField(default=100, help_text="Lower is asked first.")
    is_active = models.BooleanField(default=True)
    is_demo = models.BooleanField(default=False, editable=False)
    created_at = models.DateTimeField(default=db_now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class Sync(Connector):
    """A connector seen as what it does with leads: the same row, with a page of its own."""

    class Meta:
        proxy = True
        default_permissions = ()


class ConnectorState(models.Model):
    """What changes while a connector works: the drainer's lease, the pause, the last results, the backfill.

    A backfill is under way while `backfill_scope` is not empty; `backfill_after` is how far it has come.
    A vendor that is asked for changes was asked at `asked_at` last and is next at `ask_due_at`, from `ask_cursor` on;
    `ask_failures` in a row have failed, the last as `ask_trouble` says. `alerted_at` is when people were last told by
    mail of what needs them here; empty where nothing does.
    """

    class Scope(models.TextChoices):
        ALL = "all", "every lead"
        SKIPPED = "skipped", "leads that were left out"

    connector = models.OneToOneField(Connector, on_delete=models.CASCADE, primary_key=True, related_name="status")
    lease_until = models.DateTimeField(null=True, blank=True)
    fence = models.PositiveBigIntegerField(default=0)
    paused_at = models.DateTimeField(null=True, blank=True)
    pause_reason = models.CharField(max_length=32, blank=True)
    held_until = models.DateTimeField(null=True, blank=True)
    held_because = models.CharField(max_length=16, blank=True)
    last_success_at = models.DateTimeField(null=True, blank=True)
    last_failure_at = models.DateTimeField(null=True, blank=True)
    last_failure = models.CharField(max_length=300, blank=True)
    backfill_scope = models.CharField(max_length=8, choices=Scope, blank=True)
    backfill_after = models.UUIDField(null=True, blank=True)
    backfill_total = models.PositiveIntegerField(default=0)
    backfill_seen = models.PositiveIntegerField(default=0)
    backfill_put = models.PositiveIntegerField(default=0)
    backfill_started_at = models.DateTimeField(null=True, blank=True)
    backfill_ended_at = models.DateTimeField(null=True, blank=True)
    ask_cursor = models.CharField(max_length=500, blank=True)
    asked_at = models.DateTimeField(null=True, blank=True)
    ask_due_at = models.DateTimeField(null=True, blank=True)
    ask_failures = models.PositiveIntegerField(default=0)
    ask_trouble = models.CharField(max_length=300, blank=True)
    alerted_at = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"state of {self.connector_id}"


class MappingVersion(models.Model):
    """One version of how a connector's operation fills the vendor's fields; at most one of them is in use.

    `rows` are `[{"field", "source", "function"?, "argument"?}]` (integrations.mapping.Row).
    """

    class State(models.TextChoices):
        DRAFT = "draft", "draft"
        IN_USE = "in_use", "in use"
        RETIRED = "retired", "was in use"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="mappings", editable=False)
    operation = models.CharField(max_length=16, default="upsert", editable=False)
    number = models.PositiveIntegerField(editable=False)
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT, editable=False)
    rows = models.JSONField(default=list, blank=True)
    note = models.CharField(max_length=200, blank=True, help_text="What is different, for whoever looks at it later.")
    changed_by = models.CharField(max_length=150, blank=True, editable=False)
    created_at = models.DateTimeField(default=db_now, editable=False)
    changed_at = models.DateTimeField(default=db_now, editable=False)
    published_at = models.DateTimeField(null=True, blank=True, editable=False)

    class Meta:
        verbose_name = "mapping"
        ordering = ["connector", "operation", "-number"]
        constraints = [
            models.UniqueConstraint(fields=["connector", "operation", "number"], name="mapping_number_once"),
            models.UniqueConstraint(
                fields=["connector", "operation"], condition=models.Q(state="in_use"), name="mapping_one_in_use"
            ),
        ]

    def __str__(self) -> str:
        return f"{self.connector}, version {self.number}"


class Call(models.Model):
    """One HTTP request to a vendor, scrubbed of secrets and personal data before it is stored."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    at = models.DateTimeField(default=db_now, db_index=True)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="calls")
    purpose = models.CharField(max_length=32)
    method = models.CharField(max_length=8)
    url = models.CharField(max_length=300)
    items = models.PositiveIntegerField(default=1)
    status = models.PositiveSmallIntegerField(null=True)
    error = models.CharField(max_length=300, blank=True)
    duration_ms = models.FloatField()
    request_body = models.TextField(blank=True)
    response_body = models.TextField(blank=True)

    def __str__(self) -> str:
        return f"{self.method} {self.url} {self.status or self.error}"


class Delivery(Job):
    """One operation on one subject at one connector: the outbox.

    While it is `confirming`, `job` is the vendor's name for its work on this and `job_item` for this among it.
    `unanswered_at` is when a try last ended without telling whether it had its effect, where that matters.
    `sealed` decrypts to what an erasure has to know of a subject that is gone here, as `Contact.values`; it is emptied
    when the erasure ends.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        SENDING = "sending", "sending"
        CONFIRMING = "confirming", "confirming"
        DELIVERED = "delivered", "delivered"
        NEEDS_YOU = "needs_you", "needs you"
        SKIPPED = "skipped", "skipped"
        SUPERSEDED = "superseded", "superseded"
        CANCELLED = "cancelled", "cancelled"

    CLAIMED = State.SENDING

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="deliveries")
    subject_kind = models.CharField(max_length=16, default="lead")
    subject_id = models.UUIDField()
    operation = models.CharField(max_length=16)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    revision = models.PositiveIntegerField(default=0, help_text="The subject's revision that was sent last.")
    external_id = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=64, blank=True)
    field = models.CharField(max_length=80, blank=True)
    vendor_words = models.CharField(max_length=500, blank=True)
    call = models.ForeignKey(Call, null=True, blank=True, on_delete=models.SET_NULL, related_name="deliveries")
    created_at = models.DateTimeField(default=db_now, editable=False)
    settled_at = models.DateTimeField(null=True, blank=True)
    sealed = models.TextField(default="", db_default="", blank=True, editable=False)
    job = models.CharField(max_length=200, default="", db_default="", blank=True)
    job_item = models.CharField(max_length=120, default="", db_default="", blank=True)
    accepted_at = models.DateTimeField(null=True, blank=True)
    unanswered_at = models.DateTimeField(null=True, blank=True)

    objects = DeliveryQuerySet.as_manager()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.UniqueConstraint(
                fields=["connector", "subject_kind", "subject_id", "operation"],
                condition=models.Q(state="waiting"),
                name="delivery_one_waiting",
            )
        ]
        indexes = [
            # Whole, not partial: SQLite can't match a bound state with a partial index, and sorts the backlog instead.
            models.Index(fields=["state", "connector", "due_at", "id"], name="delivery_queue"),
            models.Index(fields=["subject_id", "connector", "state"], name="delivery_subject"),
            models.Index(fields=["state", "connector", "id"], name="delivery_state"),
            # Every claim asks what is under way and whom an erasure comes first for. Without these two PostgreSQL reads
            # all that waits, or all there ever was.
            models.Index(
                fields=["connector", "subject_id"],
                name="delivery_under_way",
                condition=models.Q(state__in=["sending", "confirming"]),
            ),
            # SQLite takes a partial index only where its condition is one value, and prefers another unless three
            # columns fit: it would read all that waits to learn whether an erasure does.
            models.Index(
                fields=["connector", "operation", "state", "subject_id"],
                name="delivery_erasing",
                condition=models.Q(operation="erase"),
            ),
            models.Index(
                fields=["settled_at", "connector"], name="delivery_done", condition=models.Q(state="delivered")
            ),
            # Vendors tell of people by their own ids.
            models.Index(
                fields=["connector", "external_id"], name="delivery_known_as", condition=models.Q(external_id__gt="")
            ),
        ]

    def __str__(self) -> str:
        return f"{self.operation} of {self.subject_kind} {self.subject_id} at {self.connector_id}"


class SweepQuerySet(JobQuerySet["Sweep"]):
    """Reads and claims sweeps."""


class Sweep(Job):
    """One thing that is done to many deliveries of a connector in the background; `after` is how far it has come."""

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        RUNNING = "running", "running"
        DONE = "done", "done"

    class Action(models.TextChoices):
        SEND_AGAIN = "send_again", "sending again"
        SEND_NOW = "send_now", "sending now"
        CANCEL = "cancel", "cancelling"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    connector = models.ForeignKey(Connector, on_delete=models.CASCADE, related_name="sweeps")
    action = models.CharField(max_length=16, choices=Action)
    filters = models.JSONField(default=dict)
    after = models.UUIDField(null=True)
    total = models.PositiveIntegerField(default=0)
    seen = models.PositiveIntegerField(default=0)
    changed = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=db_now)
    ended_at = models.DateTimeField(null=True)

    objects = SweepQuerySet.as_manager()

    class Meta:
        default_permissions = ()
        indexes = [
            models.Index(fields=["due_at"], name="sweep_open", condition=models.Q(state__in=["waiting", "running"]))
        ]

    def __str__(self) -> str:
        return f"{self.action} at {self.connector_id}"
