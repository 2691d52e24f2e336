"""People who sign in, and what groups of them may do."""

from django.contrib import admin
from django.contrib.auth.admin import GroupAdmin as DjangoGroupAdmin
from django.contrib.auth.admin import UserAdmin as DjangoUserAdmin
from django.contrib.auth.models import Group
from django.utils.safestring import SafeString
from unfold.forms import AdminPasswordChangeForm, UserChangeForm, UserCreationForm

from gateway.models import User
from runtime.admin import PageAdmin
from runtime.display import ago

admin.site.unregister(Group)


@admin.register(User)
class UserAdmin(DjangoUserAdmin, PageAdmin):  # type: ignore[misc, type-arg] # both are ModelAdmin, stubbed apart
    """People who sign in here."""

    form = UserChangeForm
    add_form = UserCreationForm
    change_password_form = AdminPasswordChangeForm
    list_display = ("username", "email", "first_name", "last_name", "is_staff", "is_active", "seen")
    list_filter = ("is_active", "is_staff", "is_superuser", "groups")

    @admin.display(description="last sign-in", ordering="last_login")
    def seen(self, person: User) -> SafeString:
        """When they signed in last."""
        return ago(person.last_login)


@admin.register(Group)
class GroupAdmin(DjangoGroupAdmin, PageAdmin):  # type: ignore[misc] # both are ModelAdmin, stubbed apart
    """What groups of people may do."""
