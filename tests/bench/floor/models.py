"""The one table."""

from django.db import models
from django.utils import timezone


class Row(models.Model):
    """What a capture says, as it is."""

    email = models.CharField(max_length=254)
    first_name = models.CharField(max_length=100)
    last_name = models.CharField(max_length=100)
    company = models.CharField(max_length=200)
    message = models.TextField()
    at = models.DateTimeField(default=timezone.now)

    def __str__(self) -> str:
        return self.email
