"""Forms for connectors and credentials: what each provider asks for, checked as it is typed."""

from collections.abc import Mapping
from copy import deepcopy
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from django.forms.utils import pretty_name
from unfold import widgets

from integrations.egress.urls import check_url, parse_base
from integrations.models import Connector, Credential
from integrations.providers import errors
from integrations.providers.base import LOOKED_UP, OPERATIONS, Provider
from integrations.rule_forms import RulesField
from integrations.rules import read
from integrations.subjects import Filter
from runtime.forms import styled

CONFIG = "config_"
"""What the names of a provider's own fields start with in the form."""

_OPERATION_WORDS = {
    "upsert": "Write leads as contacts, new or changed",
    "subscribe": "Subscribe those who agree to marketing, unsubscribe those who withdraw",
}


def address_refusal(url: str) -> str:
    """Return why we may not connect to an address, in words; empty where we may. It may ask a name server."""
    try:
        check_url(url.strip())
    except errors.EgressDenied as err:
        return err.words
    return ""


class ConnectorForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """A connector without the fields of its provider; `connector_form` adds them."""

    provider_class: ClassVar[type[Provider]]
    refusal: ClassVar[str] = ""

    base_url = forms.CharField(
        label="Base address",
        max_length=255,
        widget=widgets.UnfoldAdminTextInputWidget(attrs={"inputmode": "url", "spellcheck": "false"}),
        help_text="Where the system answers; the credential is sent there alone.",
    )
    operations = forms.MultipleChoiceField(
        required=False,
        label="What it does with leads",
        widget=widgets.UnfoldAdminCheckboxSelectMultipleWidget(),
    )
    rules = RulesField(
        required=False,
        label="Only leads for which all of this holds",
        help_text="No rule: every lead. A lead that doesn’t fit is skipped and says which rule did it.",
    )

    class Meta:
        model = Connector
        fields = ("name", "base_url", "credential", "operations", "lookup_order", "is_active")
        labels = {"is_active": "Switched on", "lookup_order": "Asked as number"}
        help_texts = {
            "lookup_order": "When several systems know orders or stock, the lowest number is asked first.",
            "is_active": "Switched off, it gets no leads and answers no questions. To let it rest, pause it.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.instance.provider = self.provider_class.key
        self._fill(self.instance.config, self.instance.lead_filter)
        if "operations" in self.fields:
            self.fields["operations"].choices = operation_choices(self.provider_class)  # type: ignore[attr-defined]
            if issubclass(self.provider_class, LOOKED_UP):
                self.fields["operations"].help_text = "Tick nothing where it is only asked, as for stock."
        if "base_url" in self.fields and not self.instance.base_url:
            self.initial.setdefault("base_url", self.provider_class.default_base_url)
        if "base_url" in self.fields and not self.provider_class.default_base_url:
            self.fields["base_url"].required = False
            self.fields["base_url"].help_text = "Empty: the host of the credential."
        if "credential" in self.fields:
            mine = Credential.objects.filter(provider=self.provider_class.key).order_by("name")
            self.fields["credential"].queryset = mine  # type: ignore[attr-defined]
            # Where the connector itself says how its key travels, `clean` knows whether there is one.
            is_chosen = "auth" in self.provider_class.config_form.base_fields
            self.fields["credential"].required = not is_chosen and self.provider_class.auth != "none"

    def _fill(self, config: Mapping[str, Any], lead_filter: Filter) -> None:
        for name, value in config.items():
            self.initial.setdefault(f"{CONFIG}{name}", value)
        self.initial.setdefault("rules", read(lead_filter))
        # Who connects a shop or an ERP may want its stock alone: nothing is written there that nobody has ticked.
        writes_alone = not issubclass(self.provider_class, LOOKED_UP)
        if self.instance._state.adding and writes_alone:
            self.initial.setdefault("operations", [key for key, _ in operation_choices(self.provider_class)])

    def clean_base_url(self) -> str:
        """Refuse an address that we may not connect to."""
        url: str = self.cleaned_data["base_url"]
        if self.refusal:
            raise ValidationError(self.refusal)
        return url

    def clean(self) -> dict[str, Any]:
        """Refuse a credential that is kept for another host."""
        values = super().clean() or self.cleaned_data
        credential, url = values.get("credential"), values.get("base_url")
        needs_key = self.provider_class.configured(self._config(values)).auth != "none"
        if needs_key and not credential and "credential" in self.fields and "credential" not in self.errors:
            self.add_error("credential", "Choose the key that is sent there.")
        if credential and not url and "base_url" not in self.errors:
            url = values["base_url"] = f"https://{credential.host}"
        elif not url and "base_url" in self.fields and "base_url" not in self.errors:
            self.add_error("base_url", "Say where the system answers.")
        if credential and credential.host and url and parse_base(url).host.lower() != credential.host:
            self.add_error(
                "credential", f"“{credential}” is sent to {credential.host} alone, not to this base address."
            )
        return values

    def save(self, commit: bool = True) -> Connector:
        """Put the provider's own fields and the filter where they are kept."""
        values = self.cleaned_data
        self.instance.config = self._config(values)
        if "rules" in values:
            self.instance.lead_filter = values["rules"]
        connector: Connector = super().save(commit)
        return connector

    def _config(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the settings as they are kept: the provider's own fields, and what other pages put there."""
        asked = self.provider_class.config_form.base_fields
        others = {name: value for name, value in self.instance.config.items() if name not in asked}
        own = {name.removeprefix(CONFIG): value for name, value in values.items() if name.startswith(CONFIG)}
        return {**others, **{name: value for name, value in own.items() if value not in (None, "")}}


def operation_choices(provider: type[Provider]) -> list[tuple[str, str]]:
    """Return what a provider can do with leads."""
    able = (name for name, capability in OPERATIONS.items() if issubclass(provider, capability))
    return [(name, _OPERATION_WORDS.get(name, name)) for name in able]


def connector_form(provider: type[Provider], refusal: str = "") -> type[ConnectorForm]:
    """Return the form for connectors of one provider; `refusal` says why its address was refused beforehand."""
    own = {f"{CONFIG}{name}": _own_field(name, field) for name, field in provider.config_form.base_fields.items()}
    return type("ProviderConnectorForm", (ConnectorForm,), {**own, "provider_class": provider, "refusal": refusal})


def _own_field(name: str, field: forms.Field) -> forms.Field:
    field = styled(deepcopy(field))
    field.label = field.label or pretty_name(name)
    return field


def connector_fieldsets(provider: type[Provider]) -> list[tuple[str | None, dict[str, Any]]]:
    """Return the form's parts; a provider that can't do something isn't asked about it."""
    own = [f"{CONFIG}{name}" for name in provider.config_form.base_fields]
    parts: list[tuple[str | None, dict[str, Any]]] = [
        (None, {"fields": ("name", "base_url", "credential", *own, "is_active")})
    ]
    if issubclass(provider, tuple(OPERATIONS.values())):
        parts += [
            ("Leads", {"fields": ("operations",)}),
            ("Which leads", {"fields": ("rules",)}),
        ]
    if issubclass(provider, LOOKED_UP):
        parts.append(("Questions", {"fields": ("lookup_order",)}))
    return parts
