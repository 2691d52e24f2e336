"""The pages of signing in: password, code, setting the second factor up, and looking after it."""

from collections.abc import Callable, Sequence
from typing import Any

import segno
from django import forms
from django.contrib import messages
from django.contrib.admin.forms import AdminAuthenticationForm
from django.contrib.auth.views import LoginView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import redirect, render
from django.utils.safestring import SafeString
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_protect
from django.views.decorators.debug import sensitive_post_parameters
from django.views.decorators.http import require_http_methods

from gateway import authenticators, lockout, sign_in
from gateway.authenticators import Authenticator, WrongCode
from gateway.models import User
from runtime import audit
from runtime.display import counted

View = Callable[[HttpRequest], HttpResponse]

_MAY_REPLACE = "may_replace_authenticator"
_FEW_CODES = 3


def page(view: View) -> View:
    """Mark a page that takes a code: forms from elsewhere are refused, nothing of it is kept by anybody."""
    methods = require_http_methods(["GET", "HEAD", "POST"])
    marked: View = never_cache(csrf_protect(sensitive_post_parameters()(methods(view))))
    return marked


class PasswordForm(AdminAuthenticationForm):
    """Name and password."""

    error_messages = {
        **AdminAuthenticationForm.error_messages,
        "invalid_login": "This name and password don't belong together. Mind capitals in the password.",
    }


class CodeForm(forms.Form):
    """A code of the authenticator app, or a recovery code."""

    code = forms.CharField(max_length=40, label="Code")


class PasswordPage(LoginView):
    """Asks for name and password; who needs a second factor is asked for that next."""

    template_name = "admin/sign_in/password.html"
    authentication_form = PasswordForm
    extra_context = {"title": "Sign in"}
    next_page = "admin:index"

    def form_valid(self, form: Any) -> HttpResponse:
        """Sign in, or go on to the code."""
        person = form.get_user()
        if sign_in.needs_code(person):
            sign_in.begin(self.request, person, self.get_success_url())
            return redirect("admin:second_factor_code")
        return _signed_in(self.request, person, self.get_success_url())


@page
def code_page(request: HttpRequest) -> HttpResponse:
    """Ask for the code of the person whose password was right."""
    person = sign_in.pending(request)
    if person is None:
        return redirect("admin:login")
    if authenticators.authenticator_of(person) is None:
        return redirect("admin:second_factor_set_up")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            used = authenticators.authenticator_verify(person=person, code=form.cleaned_data["code"])
        except WrongCode as err:
            form.add_error("code", str(err))
            audit.note("Typed a code that was not right.", person)
        else:
            answer = _signed_in(request, person, sign_in.pending_way(request), used)
            _warn_of_few_codes(request, used)
            return answer
    return _render(request, "code", title="Enter your code", form=form)


@page
def set_up_page(request: HttpRequest) -> HttpResponse:
    """Show the seed as a picture and as text; a right code makes it count."""
    person = _who_may_set_up(request)
    if person is None:
        return redirect("admin:second_factor" if request.user.is_authenticated else "admin:login")
    form = CodeForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            made, codes = authenticators.authenticator_confirm(person=person, code=form.cleaned_data["code"])
        except WrongCode as err:
            form.add_error("code", str(err))
        else:
            audit.note("Set up a second factor.", person)
            return _set_up(request, person, made, codes)
    begun = authenticators.authenticator_begin(person=person)
    shown = {"picture": _picture(begun), "seed": begun.seed_text, "is_required": authenticators.is_required(person)}
    return _render(request, "set_up", title="Set up your second factor", form=form, person=person, **shown)


def overview_page(request: HttpRequest) -> HttpResponse:
    """Show how a signed-in person's second factor stands, and change it against a code."""
    person = request.user
    assert isinstance(person, User)  # noqa: S101 (the admin lets nobody else in)
    existing = authenticators.authenticator_of(person)
    form = CodeForm(request.POST or None)
    if request.method == "POST" and existing is not None and form.is_valid():
        try:
            used = authenticators.authenticator_verify(person=person, code=form.cleaned_data["code"])
        except WrongCode as err:
            form.add_error("code", str(err))
        else:
            return _change(request, person, used)
    left = len(existing.recovery_digests) if existing else 0
    context = {
        "authenticator": existing,
        "codes_left": counted(left, "recovery code"),
        "is_required": authenticators.is_required(person),
    }
    return _render(request, "second_factor", title="Second factor", form=form, **context)


def _change(request: HttpRequest, person: User, used: Authenticator) -> HttpResponse:
    """Do what the pressed button says; the code was right."""
    if "renew" in request.POST:
        return _codes(request, authenticators.recovery_codes_renew(authenticator=used), "/admin/")
    if "replace" in request.POST:
        request.session[_MAY_REPLACE] = True
        return redirect("admin:second_factor_set_up")
    if "turn_off" in request.POST and not authenticators.is_required(person):
        authenticators.authenticator_reset(person=person)
        audit.note("Turned the second factor off.", person)
        messages.success(request, "Your second factor is off: your password alone lets you in.")
    return redirect("admin:index")


def _who_may_set_up(request: HttpRequest) -> User | None:
    """Return whoever has none yet, or has just shown a code of the one they have."""
    if isinstance(request.user, User) and request.user.is_staff:
        has_one = authenticators.authenticator_of(request.user) is not None
        may = not has_one or (request.user.is_verified() and request.session.get(_MAY_REPLACE))  # type: ignore[attr-defined]
        return User.objects.get(pk=request.user.pk) if may else None
    person = sign_in.pending(request)
    return person if person and authenticators.authenticator_of(person) is None else None


def _set_up(request: HttpRequest, person: User, made: Authenticator, codes: Sequence[str]) -> HttpResponse:
    """Sign in with the new app, and show its recovery codes."""
    way = sign_in.pending_way(request)
    request.session.pop(_MAY_REPLACE, None)
    sign_in.complete(request, person, made)
    answer = _codes(request, codes, way)
    lockout.remember_browser(request, answer, person.get_username())
    return answer


def _signed_in(
    request: HttpRequest, person: User, way: str, authenticator: Authenticator | None = None
) -> HttpResponseRedirect:
    sign_in.complete(request, person, authenticator)
    answer = HttpResponseRedirect(way)
    lockout.remember_browser(request, answer, person.get_username())
    return answer


def _warn_of_few_codes(request: HttpRequest, used: Authenticator) -> None:
    left = len(used.recovery_digests)
    if left <= _FEW_CODES:
        words = f"You have {counted(left, 'recovery code')} left. Make new ones under “Second factor” in your menu."
        messages.warning(request, words)


def _codes(request: HttpRequest, codes: Sequence[str], way: str) -> HttpResponse:
    return _render(request, "recovery_codes", title="Keep these recovery codes", codes=codes, way=way)


def _picture(begun: Authenticator) -> SafeString:
    """Return the QR code as SVG: black on white, whatever the theme, because cameras want it so."""
    code = segno.make(str(begun.address), error="m")
    drawn = code.svg_inline(scale=5, border=3, dark="#000", light="#fff", svgclass="qr", lineclass=None)
    return SafeString(drawn)


def _render(request: HttpRequest, name: str, **context: Any) -> HttpResponse:
    return render(request, f"admin/sign_in/{name}.html", context)
