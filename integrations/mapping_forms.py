"""The form of a mapping: a table of rows, each with a field of the vendor, a source and what is done to it."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from unfold import widgets

from integrations.mapping import MOST_ROWS, Row, check_rows
from integrations.mapping_functions import FUNCTIONS
from integrations.models import MappingVersion
from integrations.providers import errors
from integrations.providers.base import VendorField

SOURCES: Mapping[str, str] = {
    "email": "E-mail",
    "phone": "Phone",
    "first_name": "First name",
    "last_name": "Last name",
    "company": "Company",
    "message": "What was asked since the last time",
    "reference": "The chatbot’s own id",
    "id": "Our id",
    "source.channel": "Channel",
    "source.page_url": "Page",
    "source.referrer": "Referrer",
    "source.utm.source": "UTM source",
    "source.utm.medium": "UTM medium",
    "source.utm.campaign": "UTM campaign",
    "consents.email_marketing": "Consent to marketing: granted, unconfirmed or withdrawn",
    "attributes.": "An attribute that chatbots send, such as attributes.size",
}
"""What a lead has, as people read it; any other JMESPath expression may be typed."""

_PARTS = ("field", "source", "function", "argument")
_SPARE_ROWS = 4


class RowsWidget(forms.Widget):
    """A table with a few empty rows at its end; a row without a field is left out."""

    template_name = "integrations/widgets/rows.html"

    def __init__(
        self,
        fields: Sequence[VendorField],
        vendor: str,
        *,
        sources: Mapping[str, str] = SOURCES,
        heads: tuple[str, str] = ("", "Filled from"),
        spare_rows: int = _SPARE_ROWS,
    ) -> None:
        super().__init__()
        self.vendor_fields = _choices([field for field in fields if not field.is_read_only])
        self.vendor = vendor
        self.sources = sources
        self.spare_rows = spare_rows
        self.heads = (heads[0] or f"Field at {vendor}", heads[1])

    def get_context(self, name: str, value: Any, attrs: Any) -> dict[str, Any]:
        """Add what may be chosen to the rows that are there."""
        known = {field["name"] for field in self.vendor_fields}
        rows = [*(value or []), *([Row("")] * self.spare_rows)]
        return {
            **super().get_context(name, None, attrs),
            "rows": [{**_parts(row), "is_unknown": bool(row.field) and row.field not in known} for row in rows],
            "fields": self.vendor_fields,
            "functions": list(FUNCTIONS.items()),
            "sources": list(self.sources.items()),
            "heads": self.heads,
            "select_classes": " ".join(widgets.SELECT_CLASSES),
            "input_classes": " ".join(widgets.INPUT_CLASSES),
        }

    def render(self, name: str, value: Any, attrs: Any = None, renderer: Any = None) -> SafeString:
        """Render it with the project's templates; the form's own renderer looks elsewhere."""
        return render_to_string(self.template_name, self.get_context(name, value, attrs))

    def value_from_datadict(self, data: Any, files: Any, name: str) -> list[Row]:
        """Return the rows that were posted, in their order."""
        found = []
        for number in range(MOST_ROWS + _SPARE_ROWS):
            if f"{name}-{number}-field" not in data:
                break
            row = Row(*(str(data.get(f"{name}-{number}-{part}", "")).strip() for part in _PARTS))
            if row.field or row.source:
                found.append(row)
        return found

    def value_omitted_from_data(self, data: Any, files: Any, name: str) -> bool:
        """Tell whether the table was not part of the form."""
        return f"{name}-0-field" not in data


def _choices(fields: Sequence[VendorField]) -> list[dict[str, Any]]:
    """Return the fields by their labels; where two have the same, their names tell them apart."""
    labels = Counter(field.label or field.name for field in fields)
    choices = []
    for field in fields:
        label = field.label or field.name
        shown = label if labels[label] == 1 else f"{label} ({field.name})"
        choices.append({"name": field.name, "shown": shown, "is_required": field.is_required})
    return sorted(choices, key=lambda choice: choice["shown"].lower())


def _parts(row: Row) -> dict[str, str]:
    return {part: getattr(row, part) for part in _PARTS}


class RowsField(forms.Field):
    """Rows that can be evaluated; whether the vendor will have them is said beside the form."""

    def clean(self, value: Any) -> list[dict[str, str]]:
        """Refuse rows that can't work, and say which; returns them as they are stored."""
        rows: list[Row] = value or []
        try:
            check_rows(rows)
        except errors.Misconfigured as err:
            raise ValidationError(err.words) from err
        if not rows and self.required:
            raise ValidationError("A mapping has at least one field.")
        return [row.stored() for row in rows]

    def has_changed(self, initial: Any, data: Any) -> bool:
        """Compare rows."""
        return list(initial or []) != list(data or [])


class MappingForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """A version's rows and its note."""

    base_rows: ClassVar[Sequence[Row]] = ()

    class Meta:
        model = MappingVersion
        fields = ("note",)

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.initial["rows"] = list(self.base_rows)


def mapping_form(rows: Sequence[Row], fields: Sequence[VendorField], vendor: str) -> type[MappingForm]:
    """Return the form that shows these rows and offers these fields."""
    table = RowsField(label="Fields", widget=RowsWidget(fields, vendor))
    return type("RowsMappingForm", (MappingForm,), {"rows": table, "base_rows": rows})
