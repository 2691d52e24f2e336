"""Files of leads: what they are to hold, those that were asked for, and those that somebody brought."""

from django.conf import settings
from django.db import models

from gateway.models import Client
from leads.models.asked import AskedJob
from runtime.clock import db_now
from runtime.ids import uuid7
from runtime.jobs import JobQuerySet


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


class Export(AskedJob, Sheet):
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

    state = models.CharField(max_length=16, choices=State, default=State.WAITING)
    plan = models.ForeignKey(ExportPlan, null=True, blank=True, on_delete=models.SET_NULL, related_name="exports")
    has_personal = models.BooleanField(default=False)
    total = models.PositiveIntegerField(default=0)
    written = models.PositiveIntegerField(default=0)
    after = models.UUIDField(null=True, blank=True, editable=False)
    part_bytes = models.PositiveBigIntegerField(default=0, editable=False)
    cut_cells = models.PositiveIntegerField(default=0)
    size_bytes = models.PositiveBigIntegerField(default=0)
    file_name = models.CharField(max_length=120, blank=True)
    has_mail = models.BooleanField(default=False)
    downloads = models.PositiveIntegerField(default=0)
    started_at = models.DateTimeField(null=True, blank=True)
    expires_at = models.DateTimeField(null=True, blank=True)

    objects = ExportQuerySet.as_manager()

    def __str__(self) -> str:
        return f"{self.plan or 'Leads'} as {self.get_format_display()}, {self.created_at:%Y-%m-%d %H:%M}"


class ImportQuerySet(JobQuerySet["Import"]):
    """Reads and claims imports."""


class Import(AskedJob):
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

    state = models.CharField(max_length=16, choices=State, default=State.DRAFT)
    file_name = models.CharField(max_length=120)
    suffix = models.CharField(max_length=8, editable=False)
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

    objects = ImportQuerySet.as_manager()

    def __str__(self) -> str:
        return self.file_name
