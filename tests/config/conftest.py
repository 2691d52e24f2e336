"""People who sign in to the admin."""

import pytest
from django.contrib.auth.models import Permission
from django.test import Client

import config.urls  # noqa: F401 (loads the pages: tests go through all there are)
from tests.factories import UserFactory


@pytest.fixture
def admin_browser(db) -> Client:
    """A browser in which somebody with every right has signed in."""
    browser = Client()
    browser.force_login(UserFactory())
    return browser


@pytest.fixture
def viewer_browser(db) -> Client:
    """A browser in which somebody has signed in who may look at everything and change nothing."""
    viewer = UserFactory(is_superuser=False)
    viewer.user_permissions.set(Permission.objects.filter(codename__startswith="view_"))
    browser = Client()
    browser.force_login(viewer)
    return browser
