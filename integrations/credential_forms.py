"""Forms for credentials: what each way to sign in asks for; secrets are typed in and never shown again."""

from collections.abc import Mapping
from typing import Any, ClassVar

from django import forms
from django.core.exceptions import ValidationError
from unfold import widgets

from integrations import oauth
from integrations.egress.urls import parse_base
from integrations.models import Credential
from integrations.providers import errors
from integrations.providers.base import Provider

SignIn = Credential.SignIn

SECRET_FIELDS: Mapping[str, str] = {
    SignIn.KEY: "api_key",
    SignIn.CLIENT_CREDENTIALS: "client_secret",
    SignIn.AUTHORIZATION_CODE: "client_secret",
    SignIn.JWT_BEARER: "private_key",
}
"""Which field holds the secret of each way to sign in."""

SETTINGS: Mapping[str, tuple[str, ...]] = {
    SignIn.KEY: (),
    SignIn.CLIENT_CREDENTIALS: ("client_id", "scopes", "token_url"),
    SignIn.AUTHORIZATION_CODE: ("client_id", "scopes", "authorize_url", "token_url"),
    SignIn.JWT_BEARER: ("client_id", "subject", "audience", "token_url"),
}
"""What each way to sign in asks for besides; no secrets."""

_KEPT = "stored, leave empty to keep"
_OPTIONAL = {"scopes", "audience"}
_ADDRESSES = {"token_url", "authorize_url"}


def _text(**options: Any) -> forms.CharField:
    options.setdefault(
        "widget", widgets.UnfoldAdminTextInputWidget(attrs={"autocomplete": "off", "spellcheck": "false"})
    )
    return forms.CharField(required=False, **{"max_length": 255, **options})


def _secret(**options: Any) -> forms.CharField:
    widget = widgets.UnfoldAdminPasswordWidget(attrs={"autocomplete": "new-password"})
    return forms.CharField(required=False, max_length=4000, widget=widget, **options)


def _pem(**options: Any) -> forms.CharField:
    widget = widgets.UnfoldAdminTextareaWidget(attrs={"rows": 6, "spellcheck": "false", "autocomplete": "off"})
    return forms.CharField(required=False, max_length=10_000, widget=widget, **options)


class CredentialForm(forms.ModelForm):  # type: ignore[type-arg] # Django's class takes none when it runs
    """Every field that some way to sign in asks for; `credential_form` leaves out the others."""

    provider_class: ClassVar[type[Provider]]
    sign_in: ClassVar[str]
    refusals: ClassVar[Mapping[str, str]] = {}

    username = _text(help_text="Empty where the vendor asks for a key alone.")
    api_key = _secret(label="Key or access token")
    client_id = _text(label="Client id", help_text="The vendor shows it on the page of the app you registered there.")
    client_secret = _secret(label="Client secret")
    private_key = _pem(label="Private key", help_text="PEM text, from “-----BEGIN” to “-----END”.")
    subject = _text(label="Signs in as", help_text="The user name at the vendor whose rights are used.")
    audience = _text(help_text="Whom the signed assertion is for; empty: what is usual.")
    scopes = _text(max_length=1000, help_text="What we ask to be allowed, separated by spaces; empty: the usual.")
    authorize_url = _text(label="Page for signing in", help_text="Where a person agrees; your browser goes there.")
    token_url = _text(label="Token address", help_text="Where tokens are had; on the host that the secret belongs to.")
    spare_api_key = _secret(label="Second key")
    spare_client_secret = _secret(label="Second client secret")
    spare_private_key = _pem(label="Second private key")

    class Meta:
        model = Credential
        fields = ("name", "host")
        help_texts = {"host": "The only host this secret is sent to, such as api.example.com."}

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.instance.provider = self.provider_class.key
        is_new = self.instance._state.adding
        secret = SECRET_FIELDS[self.sign_in]
        if secret in self.fields:
            self.fields[secret].required = is_new
            self.fields[secret].widget.attrs["placeholder"] = "" if is_new else _KEPT
        if f"spare_{secret}" in self.fields:
            self.fields[f"spare_{secret}"].widget.attrs["placeholder"] = _KEPT if self.instance.spare_entered_at else ""
        for name in SETTINGS[self.sign_in]:
            if name in self.fields:
                self.fields[name].required = name not in _OPTIONAL | _ADDRESSES
                self.initial.setdefault(name, self.instance.settings.get(name) or self._usual(name))
        if "host" in self.fields:
            self.fields["host"].required = not (self.provider_class.default_base_url or self.provider_class.knows_home)
            if is_new and self.provider_class.default_base_url:
                self.initial.setdefault("host", parse_base(self.provider_class.default_base_url).host)

    def _usual(self, name: str) -> str:
        told = self.provider_class.oauth
        if told is None:
            return ""
        if name == "token_url":
            return oauth.default_token_url(self.provider_class, self.instance.host)
        if name == "authorize_url":
            return oauth.default_authorize_url(self.provider_class, self.instance.host)
        return str(getattr(told, name, ""))

    def clean_host(self) -> str:
        """Return the bare host of whatever was typed: a name or a whole address."""
        key = self.data.get(self.add_prefix("api_key"), "")
        text: str = self.cleaned_data["host"].strip() or self.provider_class.home(key)
        if not text:
            raise ValidationError("Say which host this key is sent to; the key itself doesn’t tell.")
        try:
            return parse_base(text if "://" in text else f"https://{text}").host.lower()
        except errors.EgressDenied as err:
            raise ValidationError(err.words) from err

    def clean(self) -> dict[str, Any]:
        """Ask for the secret again when the host changes: whoever may edit a host must not thereby learn it."""
        values = super().clean() or self.cleaned_data
        secret = SECRET_FIELDS[self.sign_in]
        moved = "host" in self.changed_data and values.get("host") != self.initial.get("host")
        if moved and not self.instance._state.adding and not values.get(secret):
            self.add_error(secret, "Enter it again: it will be sent to another host.")
        if values.get("username") and not values.get("api_key"):
            self.add_error("api_key", "Enter the key together with the user name.")
        for name, words in self.refusals.items():
            if name in self.fields and words:
                self.add_error(name, words)
        self._check_token_host(values)
        return values

    def _check_token_host(self, values: Mapping[str, Any]) -> None:
        url, host = values.get("token_url"), values.get("host")
        if not url or not host or "token_url" in self.errors:
            return
        try:
            found = parse_base(url).host.lower()
        except errors.EgressDenied as err:
            self.add_error("token_url", err.words)
            return
        if found != host:
            self.add_error("token_url", f"The secret is sent to {host} alone, not to {found}.")

    def secrets(self) -> dict[str, str]:
        """Return what is to be sealed; empty where the stored secret stays."""
        return self._given("")

    def spare(self) -> dict[str, str]:
        """Return the second secret; empty where none was typed."""
        return self._given("spare_")

    def _given(self, prefix: str) -> dict[str, str]:
        secret = SECRET_FIELDS[self.sign_in]
        if not self.cleaned_data.get(f"{prefix}{secret}"):
            return {}
        given = {secret: self.cleaned_data[f"{prefix}{secret}"], "username": self.cleaned_data.get("username", "")}
        return {name: value for name, value in given.items() if value}

    def settings(self) -> dict[str, str]:
        """Return what was typed besides the secret."""
        return {name: self.cleaned_data.get(name, "") for name in SETTINGS[self.sign_in]}


def credential_form(
    provider: type[Provider], sign_in: str = SignIn.KEY, refusals: Mapping[str, str] | None = None
) -> type[CredentialForm]:
    """Return the form for credentials of one provider and one way to sign in.

    `refusals` says which addresses were refused beforehand, and why.
    """
    asked = {*main_fields(provider, sign_in), *spare_fields(sign_in)}
    left_out = [name for name in CredentialForm.declared_fields if name not in asked]
    members: dict[str, Any] = dict.fromkeys(left_out)
    members |= {"provider_class": provider, "sign_in": sign_in, "refusals": refusals or {}}
    return type("ProviderCredentialForm", (CredentialForm,), members)


def main_fields(provider: type[Provider], sign_in: str) -> tuple[str, ...]:
    """Return the fields that say how we sign in, in the order a person fills them."""
    user = ("username",) if sign_in == SignIn.KEY and provider.auth == "basic" else ()
    known = ("client_id",) if "client_id" in SETTINGS[sign_in] else ()
    others = tuple(name for name in SETTINGS[sign_in] if name != "client_id")
    return (*user, *known, SECRET_FIELDS[sign_in], *others)


def spare_fields(sign_in: str) -> tuple[str, ...]:
    """Return the field of the second secret; a person's agreement has none, one signs in again."""
    return () if sign_in == SignIn.AUTHORIZATION_CODE else (f"spare_{SECRET_FIELDS[sign_in]}",)


def addresses(posted: Mapping[str, str]) -> dict[str, str]:
    """Return the web addresses among what was posted."""
    return {name: posted[name].strip() for name in sorted(_ADDRESSES) if posted.get(name, "").strip()}
