"""The form that defines one endpoint: it asks what its use needs, and nothing else."""

import re
from collections.abc import Mapping
from typing import Any

from django import forms
from django.core.exceptions import ValidationError

from integrations.mapping_forms import SOURCES, RowsField, RowsWidget
from integrations.openapi import Details
from integrations.providers import errors
from integrations.providers.base import VendorField
from integrations.providers.endpoint_checks import check_endpoint
from integrations.providers.endpoints import METHODS, USES, Endpoint
from runtime.forms import PairsField, styled

_EFFECTS = (
    ("upsert", "Nothing more: sending the same again changes nothing"),
    ("at_least_once", "It happens twice, unless the API knows it by an idempotency key"),
)
_STATUSES = re.compile(r"[1-5][0-9]{2}\Z")
_ANSWER_WORDS = {
    "available": "How many are available",
    "record_id": "Their id of it",
    "external_id": "Their id of the contact",
    "placed_at": "Placed at",
    "expected_at": "Expected at",
    "tracking_number": "Tracking number",
    "sku": "Article number (SKU)",
    "orders": "Number of orders",
}


def _text(label: str, help_text: str = "", **options: Any) -> forms.CharField:
    options = {"required": False, "max_length": 500, **options}
    widget = forms.TextInput(attrs={"spellcheck": "false", "autocomplete": "off"})
    return forms.CharField(label=label, help_text=help_text, widget=widget, **options)


class EndpointForm(forms.Form):
    """Everything that some use asks for; what this one doesn't is left out."""

    label = _text("What it is called", max_length=80, required=True)
    name = _text("Name", "What intents call it by, such as opening_hours.", max_length=40, required=True)
    method = forms.ChoiceField(label="Method", choices=[(method, method) for method in METHODS])
    path = _text("Path", max_length=300, required=True)
    arguments = PairsField(
        label="What it has to be told",
        help_text="One per line with the question that asks for it: town = Which town are you in?",
    )
    has_personal_address = forms.BooleanField(
        label="Somebody’s data may stand in the address",
        required=False,
        help_text=(
            "Tick it only where the API offers no other way: addresses end up in the logs of their server and of "
            "whatever stands between. Our log of calls leaves it out."
        ),
    )
    missing_status = _text("Statuses that mean “not known”", "Separated by spaces; usually 404.", max_length=40)
    missing_if = _text("… and it is not known if", "An expression over the whole answer, such as found == `false`.")
    failed_if = _text(
        "It failed, although the status is 2xx, if",
        "An expression over the whole answer, such as errors, or ok == `false`. Usually empty.",
    )
    record = _text("Where the record is in the answer", "Such as data, or items; empty: the answer is the record.")
    effect = forms.ChoiceField(label="What sending it twice does", choices=_EFFECTS)
    idempotency_header = _text(
        "Header for the idempotency key", "Where the API has one, such as Idempotency-Key.", max_length=60
    )
    headers = PairsField(
        label="Further headers", help_text="One per line: X-Api-Version = 2. Keys belong under Credentials."
    )

    def __init__(self, *args: Any, endpoint: Endpoint, details: Details | None = None, **options: Any) -> None:
        super().__init__(*args, **{**options, "initial": _initial(endpoint)})
        self.endpoint = endpoint
        use = USES[endpoint.use]
        self._add_rows(details)
        for name in _left_out(endpoint):
            self.fields.pop(name, None)
        for name, field in self.fields.items():
            self.fields[name] = field if isinstance(field, RowsField) else styled(field)
        if "path" in self.fields:
            known = ", ".join(f"{{{name}}}" for name in use.told) or "what is told below, such as {town}"
            self.fields["path"].help_text = f"Below the base address. It may hold {known}."

    def _add_rows(self, details: Details | None) -> None:
        use = USES[self.endpoint.use]
        sources = _sources(self.endpoint)
        heads = {"query": "Parameter", "body": "Field of the body", "answer": "What we read"}
        labels = {
            "query": "Parameters of the address (after the “?”)",
            "body": "Body",
            "answer": "What is read from the record",
        }
        theirs = {field.path: field.description for field in details.answer} if details else {}
        for name in ("query", "body", "answer"):
            told = [VendorField(each, _ANSWER_WORDS.get(each, _worded(each))) for each in use.fields]
            is_answer = name == "answer"
            widget = RowsWidget(
                told if is_answer else [],
                "",
                sources=_below(theirs, self.endpoint.record) if is_answer else sources,
                heads=(heads[name], "From the record" if is_answer else "Filled from"),
                spare_rows=2,
            )
            self.fields[name] = RowsField(label=labels[name], widget=widget, required=False)

    def clean_missing_status(self) -> list[int]:
        """Return the statuses as numbers."""
        words = self.cleaned_data["missing_status"].replace(",", " ").split()
        if not all(_STATUSES.match(word) for word in words):
            raise ValidationError("Write statuses as numbers, such as 404 410.")
        return [int(word) for word in words]

    def clean(self) -> dict[str, Any]:
        """Put the endpoint together, and refuse what can't work or could do harm."""
        values = super().clean() or self.cleaned_data
        if not self.errors:
            self.endpoint = Endpoint.of({**self.endpoint.stored(), **values})
            try:
                check_endpoint(self.endpoint)
            except errors.Misconfigured as err:
                raise ValidationError(err.words) from err
        return values

    def samples(self) -> dict[str, str]:
        """Return the sample values that were typed for a trial."""
        typed = {name: str(self.data.get(f"sample-{name}", ""))[:254] for name in samples_of(self.endpoint)}
        return {name: value.strip() for name, value in typed.items() if value.strip()}


def samples_of(endpoint: Endpoint) -> list[str]:
    """Return what has to be told to try it; a change to a lead is shown with an example."""
    use = USES[endpoint.use]
    if endpoint.use in {"lead", "lead_update", "erase"}:
        return []
    return list(use.told or endpoint.arguments)


def _initial(endpoint: Endpoint) -> dict[str, Any]:
    stored = endpoint.stored()
    rows = {name: list(getattr(endpoint, name)) for name in ("query", "body", "answer")}
    return {
        **stored,
        **rows,
        "arguments": endpoint.arguments,
        "missing_status": " ".join(map(str, endpoint.missing_status)),
    }


def _left_out(endpoint: Endpoint) -> set[str]:
    use = USES[endpoint.use]
    left = set() if use.is_named else {"name", "arguments"}
    left |= {"missing_if", "record"} if endpoint.use == "erase" else set()
    left |= {"answer"} if endpoint.use == "erase" else set()
    left |= {"body"} if endpoint.use in {"lead", "lead_update", "erase"} else set()
    left |= set() if use.changes else {"effect", "idempotency_header"}
    left |= {"effect", "idempotency_header"} if endpoint.use in {"lead_update", "erase"} else set()
    left |= {"missing_status", "missing_if"} if endpoint.use in {"lead", "write"} else set()
    return left


def _sources(endpoint: Endpoint) -> Mapping[str, str]:
    use = USES[endpoint.use]
    if endpoint.use in {"lead", "lead_update"}:
        return {**SOURCES, "external_id": "Their id, as the first answer gave it"}
    return {name: _worded(name) for name in use.told or endpoint.arguments}


def _worded(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _below(theirs: Mapping[str, str], record: str) -> dict[str, str]:
    """Return the fields of an answer as seen from its record."""
    for start in (f"{record}[].", f"{record}.") if record else ():
        inside = {path.removeprefix(start): words for path, words in theirs.items() if path.startswith(start)}
        if inside:
            return inside
    return dict(theirs)
