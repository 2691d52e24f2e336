"""How vendors' fields are filled."""

from django.db import models

from integrations.models.connectors import Connector
from runtime.clock import db_now
from runtime.ids import uuid7


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
