"""Leads, what they asked, and what they agreed to; the files that are made of them."""

from typing import Self

from django.conf import settings
from django.db import models

from gateway.models import Client
from integrations.models import Delivery
from runtime.clock import db_now
from runtime.ids import uuid7
from runtime.jobs import JobQuerySet
from runtime.models import Job


class LeadQuerySet(models.QuerySet["Lead"]):
    """Reads leads."""

    def captured_by(self, client: Client) -> Self:
        """Return those a client has captured, first or again."""
        return self.filter(models.Exists(Activity.objects.filter(lead=models.OuterRef("pk"), client=client)))

    def with_delivery(self, state: str) -> Self:
        """Return those with a delivery in this state."""
        # IN, not EXISTS: with that, SQLite walks all deliveries of a state once per lead.
        return self.filter(pk__in=_deliveries().filter(state=state))

    def sent_nowhere(self) -> Self:
        """Return those without any delivery."""
        return self.exclude(pk__in=_deliveries())


def _deliveries() -> models.QuerySet[Delivery, object]:
    return Delivery.objects.filter(subject_kind="lead").order_by().values("subject_id")


class Lead(models.Model):
    """A person who showed interest; one row per identity, whoever captured it.

    `email` is trimmed and lower case, `phone` is E.164, both empty when unknown. `source` is the first touch:
    `{"channel", "page_url", "referrer", "utm": {…}}`. `revision` rises with every capture.
    """

    class IdentifiedBy(models.TextChoices):
        REFERENCE = "reference", "the client's id"
        EMAIL = "email", "e-mail"
        PHONE = "phone", "phone"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    client = models.ForeignKey(Client, null=True, on_delete=models.SET_NULL, related_name="leads")
    email = models.CharField(max_length=254, blank=True)
    phone = models.CharField(max_length=20, blank=True)
    identified_by = models.CharField(max_length=16, choices=IdentifiedBy)
    first_name = models.CharField(max_length=100, blank=True)
    last_name = models.CharField(max_length=100, blank=True)
    company = models.CharField(max_length=200, blank=True)
    attributes = models.JSONField(default=dict, blank=True)
    source = models.JSONField(default=dict, blank=True)
    revision = models.PositiveIntegerField(default=1)
    possible_duplicate = models.BooleanField(default=False)
    created_at = models.DateTimeField(default=db_now, db_index=True)
    updated_at = models.DateTimeField(default=db_now, db_index=True)

    objects = LeadQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["email"], condition=~models.Q(email=""), name="lead_email_once"),
            models.UniqueConstraint(
                fields=["phone"], condition=models.Q(identified_by="phone"), name="lead_phone_once"
            ),
        ]
        indexes = [models.Index(fields=["phone"], condition=~models.Q(phone=""), name="lead_phone")]
        permissions = [("view_personal", "Can see and export personal data of leads")]

    def __str__(self) -> str:
        return " ".join(filter(None, [self.first_name, self.last_name])) or self.email or self.phone or str(self.id)


class Reference(models.Model):
    """A client's own id for a lead."""

    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="references")
    client = models.ForeignKey(Client, on_delete=models.CASCADE)
    value = models.CharField(max_length=120)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["client", "value"], name="reference_once")]

    def __str__(self) -> str:
        return self.value


class Activity(models.Model):
    """Something that happened with a lead: a capture with its enquiry, a change, a merge.

    `changes` is `{field: [before, after]}`; `revision` is the lead's revision that this activity made; `said_by` names
    the person or vendor where it wasn't a client.
    """

    class Kind(models.TextChoices):
        CAPTURED = "captured", "captured"
        UPDATED = "updated", "updated"
        CONSENT = "consent", "consent"
        MERGED = "merged", "merged"
        IMPORTED = "imported", "imported"

    ALSO = "also known as"
    """The change that names another lead which an identifier pointed at."""

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="activities")
    at = models.DateTimeField(default=db_now)
    kind = models.CharField(max_length=16, choices=Kind)
    client = models.ForeignKey(Client, null=True, on_delete=models.SET_NULL)
    revision = models.PositiveIntegerField()
    message = models.TextField(blank=True)
    source = models.JSONField(default=dict, blank=True)
    conversation_id = models.UUIDField(null=True, blank=True)
    changes = models.JSONField(default=dict, blank=True)
    said_by = models.CharField(max_length=150, blank=True)
    import_id = models.UUIDField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "activities"
        indexes = [
            models.Index(fields=["lead", "revision"], name="activity_revision"),
            models.Index(fields=["import_id"], name="activity_import", condition=~models.Q(import_id=None)),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.at:%Y-%m-%d %H:%M}"


class Consent(models.Model):
    """A statement of a lead about one purpose; the newest per purpose is in force.

    `channel` and `locale` are where and in which language it was asked; `address_hash` stands for the e-mail address or
    phone number it is about (`runtime.hashes`).
    """

    class Source(models.TextChoices):
        API = "api", "a chatbot"
        ADMIN = "admin", "a person here"
        VENDOR = "vendor", "another system"
        IMPORT = "import", "an import"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    lead = models.ForeignKey(Lead, on_delete=models.CASCADE, related_name="consents")
    purpose = models.CharField(max_length=64)
    granted = models.BooleanField()
    wording = models.TextField(blank=True)
    version = models.CharField(max_length=40, blank=True)
    channel = models.CharField(max_length=60, blank=True)
    locale = models.CharField(max_length=35, blank=True)
    source = models.CharField(max_length=8, choices=Source, default=Source.API)
    address_hash = models.CharField(max_length=64, blank=True, db_index=True)
    import_id = models.UUIDField(null=True, blank=True)
    at = models.DateTimeField(default=db_now)
    recorded_at = models.DateTimeField(default=db_now)
    client = models.ForeignKey(Client, null=True, on_delete=models.SET_NULL)
    is_confirmed = models.BooleanField(default=True)

    class Meta:
        indexes = [models.Index(fields=["purpose"], name="consent_purpose")]

    def __str__(self) -> str:
        return f"{self.purpose}: {'granted' if self.granted else 'withdrawn'}"


class Sheet(models.Model):
    """What a file of leads is to hold, and how it is to be written.

    `filters` are those of `leads.selection`; `columns` are names of `leads.exports.columns`, in order. `time_zone` is
    a name such as Europe/Berlin, empty for the site's own.
    """

    class Format(models.TextChoices):
        CSV = "csv", "CSV"
        XLSX = "xlsx", "Excel (XLSX)"
        JSONL = "jsonl", "JSON Lines"
        PARQUET = "parquet", "Parquet"

    class Separator(models.TextChoices):
        COMMA = ",", "comma"
        SEMICOLON = ";", "semicolon"
        TAB = "\t", "tab"

    format = models.CharField(max_length=8, choices=Format, default=Format.CSV)
    filters = models.JSONField(default=dict, blank=True)
    columns = models.JSONField(default=list)
    time_zone = models.CharField(max_length=64, blank=True)
    separator = models.CharField(max_length=1, choices=Separator, default=Separator.COMMA)
    has_bom = models.BooleanField(default=True)

    class Meta:
        abstract = True


class ExportPlan(Sheet):
    """A filter and a set of columns under a name; made into a file when asked, or by schedule.

    `base_url` is where its owner reached the admin: links in mails begin with it.
    """

    class Schedule(models.TextChoices):
        NONE = "", "only when asked"
        DAILY = "daily", "every day"
        WEEKLY = "weekly", "every Monday"
        MONTHLY = "monthly", "on the first of each month"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    name = models.CharField(max_length=80, unique=True)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    schedule = models.CharField(max_length=8, choices=Schedule, blank=True, default=Schedule.NONE)
    at_hour = models.PositiveSmallIntegerField(default=6)
    recipients = models.ManyToManyField(settings.AUTH_USER_MODEL, blank=True, related_name="+")
    next_run_at = models.DateTimeField(null=True, blank=True, db_index=True)
    base_url = models.CharField(max_length=255, blank=True)
    created_at = models.DateTimeField(default=db_now, editable=False)

    class Meta:
        ordering = ["name"]

    def __str__(self) -> str:
        return self.name


class ExportQuerySet(JobQuerySet["Export"]):
    """Reads and claims exports."""


class Export(Job, Sheet):
    """One file of leads: asked for, written by a worker, downloaded until it expires.

    `has_personal` says whether the file shows who people are; `has_mail` whether its link is still to be mailed.
    `after` is the last lead that was read, `part_bytes` how much is on disk with it: where the next try goes on.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        RUNNING = "running", "being written"
        DONE = "done", "ready"
        NEEDS_YOU = "needs_you", "needs you"
        CANCELLED = "cancelled", "cancelled"
        EXPIRED = "expired", "removed"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    plan = models.ForeignKey(ExportPlan, null=True, blank=True, on_delete=models.SET_NULL, related_name="exports")
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    has_personal = models.BooleanField(default=False)
    total = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)
    after = models.UUIDField(null=True, blank=True, editable=False)
    part_bytes = models.PositiveBigIntegerField(default=0, editable=False)
    cut_cells = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    file_name = models.CharField(max_length=120, blank=True)
    reason = models.CharField(max_length=200, blank=True)
    has_mail = models.BooleanField(default=False)
    downloads = models.PositiveIntegerField(default=0)
    created_at = models.DateTimeField(default=db_now, db_index=True)
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = ExportQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="export_open", condition=models.Q(state__in=["waiting", "running"]))
        ]

    def __str__(self) -> str:
        return f"{self.plan or 'Leads'} as {self.get_format_display()}, {self.created_at:%Y-%m-%d %H:%M}"


class ErasureQuerySet(JobQuerySet["Erasure"]):
    """Reads and claims erasures."""


class Erasure(Job):
    """A person who is being forgotten, and in the end the certificate of it.

    `sealed` holds what they are found by, and is emptied at the end. `counts` is `{what: number}`, `done` the tables
    that have forgotten, `vendors` `[{"connector", "state", "at", "words"}]`, `remains` sentences about what is left.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "waiting"
        RUNNING = "running", "under way"
        DONE = "done", "done"
        NEEDS_YOU = "needs_you", "needs you"

    class Step(models.TextChoices):
        HERE = "here", "erasing here"
        ELSEWHERE = "elsewhere", "telling connected systems"
        DONE = "done", "done"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    step = models.CharField(max_length=16, choices=Step, default=Step.HERE)
    lead_id = models.UUIDField()
    captured_at = models.DateTimeField()
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    client = models.ForeignKey(Client, null=True, on_delete=models.SET_NULL, related_name="+")
    sealed = models.TextField(blank=True)
    done = models.JSONField(default=list)
    counts = models.JSONField(default=dict)
    by_hand = models.JSONField(default=list)
    vendors = models.JSONField(default=list)
    remains = models.JSONField(default=list)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=db_now, db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ErasureQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="erasure_open", condition=models.Q(state__in=["waiting", "running"]))
        ]

    def __str__(self) -> str:
        return f"Erasure {self.id}"


class Tombstone(models.Model):
    """The keyed hash of an identifier of somebody who was erased, so that no import brings them back."""

    hash = models.CharField(max_length=64, unique=True)
    erasure = models.ForeignKey(Erasure, on_delete=models.CASCADE, related_name="tombstones")
    erased_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.hash[:12]


class ImportQuerySet(JobQuerySet["Import"]):
    """Reads and claims imports."""


class Import(Job):
    """A sheet of leads that somebody brought: matched, taken in batches, and taken back where that is asked.

    `matched` is `{column: what it is}` (`leads.imports.matching`); `rows_done` is how far it is, noted with each batch.
    """

    class State(models.TextChoices):
        DRAFT = "draft", "not begun"
        WAITING = "waiting", "waiting"
        RUNNING = "running", "under way"
        DONE = "done", "done"
        NEEDS_YOU = "needs_you", "needs you"
        UNDONE = "undone", "taken back"

    id = models.UUIDField(primary_key=True, default=uuid7, editable=False)
    state = models.CharField(max_length=16, choices=State, default=State.DRAFT)
    file_name = models.CharField(max_length=120)
    suffix = models.CharField(max_length=8, editable=False)
    person = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    client = models.ForeignKey(Client, null=True, blank=True, on_delete=models.SET_NULL, related_name="+")
    matched = models.JSONField(default=dict)
    is_sent = models.BooleanField(default=False)
    is_undoing = models.BooleanField(default=False)
    has_files = models.BooleanField(default=True)
    total = models.PositiveIntegerField(default=0)
    rows_done = models.PositiveIntegerField(default=0)
    created = models.PositiveIntegerField(default=0)
    updated = models.PositiveIntegerField(default=0)
    refused = models.PositiveIntegerField(default=0)
    erased = models.PositiveIntegerField(default=0)
    undone = models.PositiveIntegerField(default=0)
    reason = models.CharField(max_length=200, blank=True)
    created_at = models.DateTimeField(default=db_now, db_index=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    objects = ImportQuerySet.as_manager()

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], name="import_open", condition=models.Q(state__in=["waiting", "running"]))
        ]

    def __str__(self) -> str:
        return self.file_name
