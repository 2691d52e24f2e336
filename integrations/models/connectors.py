"""Connections to vendors, and how each stands."""

from django.db import models

from integrations.models.credentials import Credential
from runtime.clock import db_now
from runtime.ids import uuid7


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
    `ask_failures` in a row have failed, the last as `ask_trouble` says. `alerted` says when people were last told
    by mail of what needs them here, `{cause: time}` (config.alerts); who tells them holds `alerting_until`.
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
    alerted = models.JSONField(null=True, blank=True)
    alerting_until = models.DateTimeField(null=True, blank=True)

    def __str__(self) -> str:
        return f"state of {self.connector_id}"
