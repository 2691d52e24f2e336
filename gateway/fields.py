"""Fields that take a value only as what it is: no number for a text, no word for true, no time without its offset."""

import re
import uuid
from datetime import UTC, datetime
from typing import Any, ClassVar

from django.utils.dateparse import parse_datetime
from rest_framework import serializers
from rest_framework.fields import empty

_EARLIEST, _LATEST = datetime(1900, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)


class Text(serializers.CharField):
    """A text, and only a text: a number or a boolean is refused instead of being written out.

    Nearly all texts need no second look: they have no spaces around them and nothing odd inside. Those skip DRF's
    validators, which cost more than writing the row does.
    `json_schema` of a field class is added to what the OpenAPI document says of its fields.
    """

    odd: ClassVar[re.Pattern[str]] = re.compile("[\x00\ud800-\udfff]")
    json_schema: ClassVar[dict[str, Any]] = {}
    filled: ClassVar[str] = r"\S"
    """The pattern of one that must not be blank."""

    def run_validation(self, data: Any = empty) -> Any:
        is_short = type(data) is str and 0 < len(data) <= (self.max_length or 0)
        if is_short and not (data[0].isspace() or data[-1].isspace() or self.odd.search(data)):
            return self.read(data)
        return super().run_validation(data)

    def to_internal_value(self, data: Any) -> str:
        if not isinstance(data, str):
            self.fail("invalid")
        if self.max_length is not None and len(data) > self.max_length:
            # Before it is trimmed: the documented length is that of what is sent.
            self.fail("max_length", max_length=self.max_length)
        return self.read(str(super().to_internal_value(data)))

    def read(self, text: str) -> str:
        """Return the text as it is kept. Raises: ValidationError."""
        return text


class Line(Text):
    """One line of text: no control characters, which would break headers and sheets further on."""

    odd = re.compile("[\x00-\x1f\x7f\ud800-\udfff]")
    default_error_messages = {"control": "Control characters such as line breaks are not accepted here."}
    json_schema = {"pattern": r"^\s*[^\u0000-\u001f\u007f]*\s*$"}
    filled = r"^\s*[^\s\u0000-\u001f\u007f][^\u0000-\u001f\u007f]*\s*$"

    def to_internal_value(self, data: Any) -> str:
        text = super().to_internal_value(data)
        if any(ord(char) < 32 or ord(char) == 127 for char in text):
            self.fail("control")
        return text


class WholeNumber(serializers.IntegerField):
    """A JSON number without a fraction; a text with digits is refused."""

    def to_internal_value(self, data: Any) -> int:
        if isinstance(data, float) and data.is_integer():
            data = int(data)  # JSON knows one kind of number: 3.0 is 3.
        if type(data) is not int:
            self.fail("invalid")
        return int(super().to_internal_value(data))


class YesNo(serializers.BooleanField):
    """True or false, not a word or a number that may mean it."""

    def to_internal_value(self, data: Any) -> bool:
        if type(data) is not bool:
            self.fail("invalid", input=data)
        return data


class Id(serializers.UUIDField):
    """A UUID in its usual form."""

    def to_internal_value(self, data: Any) -> uuid.UUID:
        if not isinstance(data, str) or len(data) != 36:
            self.fail("invalid", value=data)
        return uuid.UUID(str(super().to_internal_value(data)))


class Moment(serializers.DateTimeField):
    """A time with its offset, as RFC 3339 has it: without one nobody knows when it was."""

    default_error_messages = {
        "form": "Write it as 2026-03-01T12:00:00Z, or with an offset such as +01:00.",
        "range": "A time lies between the years 1900 and 2200.",
    }

    def to_internal_value(self, value: Any) -> datetime:
        try:
            moment = parse_datetime(value.upper()) if isinstance(value, str) and "T" in value.upper() else None
        except ValueError:
            moment = None
        if moment is None or moment.tzinfo is None:
            self.fail("form")
        if not _EARLIEST < moment < _LATEST:
            self.fail("range")
        return moment
