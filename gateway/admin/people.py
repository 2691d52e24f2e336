"""People who sign in, and what each may do."""

from typing import Any

from django import forms
from django.contrib import admin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.db.models import Exists, OuterRef, QuerySet
from django.http import HttpRequest
from django.utils.html import format_html
from django.utils.safestring import SafeString
from unfold import widgets
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from gateway import people
from gateway.authenticators import Authenticator, is_required
from gateway.models import User
from gateway.roles import ROLES
from runtime.admin import PageAdmin, button
from runtime.display import ago, badge

# Roles are what groups are for here, and what a role grants is part of the product.
admin.site.unregister(Group)


class RoleField(forms.ChoiceField):
    """One of the roles, each with what it lets a person do."""

    def __init__(self) -> None:
        choices = [(role.name, f"{role.name}: {role.words}") for role in ROLES.values()]
        super().__init__(choices=choices, label="Role", widget=widgets.UnfoldAdminRadioSelectWidget())


class PersonForm(UserChangeForm):  # type: ignore[misc] # unfold has no types
    """Who a person is and what they may do."""

    role = RoleField()

    class Meta:
        model = User
        fields = ("username", "first_name", "last_name", "email", "is_active")
        labels = {"username": "Name to sign in with", "is_active": "May sign in"}
        help_texts = {
            "username": "",
            "is_active": "Switched off, their sessions end at once. People are switched off, not deleted: the audit "
            "trail names them.",
        }

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self.fields["role"].initial = people.role_of(self.instance)

    def clean(self) -> dict[str, Any]:
        """Refuse what would shut the person out who presses Save: there is always one Administrator left that way."""
        cleaned: dict[str, Any] = super().clean() or self.cleaned_data
        if self.instance.pk == self.signed_in_id:
            if cleaned.get("role") != people.role_of(self.instance):
                self.add_error("role", "This is you. Another Administrator can change your role.")
            if not cleaned.get("is_active"):
                self.add_error("is_active", "This is you. Another Administrator can switch you off.")
        return cleaned

    signed_in_id: int | None = None


class NewPersonForm(UserCreationForm):  # type: ignore[misc] # unfold has no types
    """A new person, with a first password they change afterwards."""

    role = RoleField()
    usable_password = None  # there is no other way in here than by password

    class Meta(UserCreationForm.Meta):  # type: ignore[misc] # unfold has no types
        model = User
        fields = ("username", "email")
        labels = {"username": "Name to sign in with"}
        help_texts = {"username": "", "email": "Reminders and links to files are sent there."}


class SecondFactorFilter(admin.SimpleListFilter):
    """People by whether they have a second factor."""

    title = "second factor"
    parameter_name = "second_factor"

    def lookups(self, request: HttpRequest, model_admin: Any) -> list[tuple[str, str]]:
        """On or off."""
        return [("on", "on"), ("off", "off")]

    def queryset(self, request: HttpRequest, queryset: QuerySet[User]) -> QuerySet[User]:
        """Narrow the list."""
        if not self.value():
            return queryset
        have_one = Authenticator.objects.filter(confirmed=True).values("user")
        return queryset.filter(pk__in=have_one) if self.value() == "on" else queryset.exclude(pk__in=have_one)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, PageAdmin):  # type: ignore[misc, type-arg] # both are ModelAdmin, stubbed apart
    """People who sign in here."""

    form = PersonForm
    add_form = NewPersonForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "shown_name", "shown_role", "shown_second_factor", "shown_state", "seen")
    list_filter = ("is_active", "groups", SecondFactorFilter)
    search_fields = ("username", "first_name", "last_name", "email")
    ordering = ("username",)
    empty_words = "Nobody else yet."
    actions = None
    buttons = ("reset_second_factor", "sign_out", "unlock")
    fieldsets = (
        (None, {"fields": ("username", "role", "is_active", "shown_password")}),
        ("About them", {"fields": ("first_name", "last_name", "email", "shown_second_factor", "seen")}),
    )
    add_fieldsets = ((None, {"fields": ("username", "email", "role", "password1", "password2")}),)
    add_form_template = None
    readonly_fields = ("shown_password", "shown_second_factor", "seen")
    filter_horizontal = ()

    def get_queryset(self, request: HttpRequest) -> QuerySet[User]:
        """Bring roles and second factors along."""
        has_one = Authenticator.objects.filter(user=OuterRef("pk"), confirmed=True)
        rows: QuerySet[User] = super().get_queryset(request).annotate(has_second_factor=Exists(has_one))
        return rows.prefetch_related("groups")

    def has_delete_permission(self, request: HttpRequest, obj: User | None = None) -> bool:
        """People are switched off, not deleted: the audit trail names them."""
        return False

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **options: Any) -> Any:
        """Tell the form who is signed in: nobody shuts themselves out."""
        form: Any = DjangoUserAdmin.get_form(self, request, obj, change=change, **options)
        form.signed_in_id = request.user.pk
        return form

    def save_related(self, request: HttpRequest, form: Any, formsets: Any, change: bool) -> None:
        """Give the role, once the person is stored."""
        super().save_related(request, form, formsets, change)
        people.person_role_set(person=form.instance, role=form.cleaned_data["role"])

    @admin.display(description="password")
    def shown_password(self, person: User) -> SafeString:
        """The way to a new one; what is stored tells nobody anything."""
        return format_html('<a href="{}">Set a new password</a>', "../password/")

    @admin.display(description="person", ordering="last_name")
    def shown_name(self, person: User) -> str:
        """What they are called, or how they are reached."""
        return person.get_full_name() or person.email or "–"

    @admin.display(description="role")
    def shown_role(self, person: User) -> str:
        """What they may do, in a word."""
        return people.role_of(person) or "none: can't sign in"

    @admin.display(description="second factor")
    def shown_second_factor(self, person: Any) -> SafeString:
        """Whether a code is asked for besides the password."""
        if getattr(person, "has_second_factor", False):
            return badge("active", "on")
        return badge("waiting", "set up at next sign-in") if person.pk and is_required(person) else badge("off")

    @admin.display(description="may sign in", ordering="is_active")
    def shown_state(self, person: User) -> SafeString:
        """Whether they are let in."""
        return badge("active", "yes") if person.is_active and person.is_staff else badge("off", "no")

    @admin.display(description="last sign-in", ordering="last_login")
    def seen(self, person: User) -> SafeString:
        """When they signed in last."""
        return ago(person.last_login)

    @button(
        "Reset second factor",
        confirm="Their authenticator app and recovery codes stop working, and they are signed out. Make sure that it "
        "is really them who asks. Reset it?",
        is_shown=lambda person: person.has_second_factor,
    )
    def reset_second_factor(self, request: HttpRequest, person: User) -> None:
        """Let somebody whose phone is gone set up another."""
        people.second_factor_reset(person=person)
        after = "they set up another" if is_required(person) else "their password alone lets them in"
        self.say(request, f"The second factor of {person} is reset: at the next sign-in {after}.")

    @button("Sign out everywhere", confirm="They have to sign in again in every browser. Go on?")
    def sign_out(self, request: HttpRequest, person: User) -> None:
        """End every session of this person."""
        people.person_sign_out(person=person)
        self.say(request, f"{person} is signed out in every browser.")

    @button("Unlock sign-in")
    def unlock(self, request: HttpRequest, person: User) -> None:
        """Let somebody try again who typed too many wrong passwords."""
        people.sign_in_unlock(person=person)
        self.say(request, f"{person} may try again at once.")
