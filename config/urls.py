"""Every address of the installation."""

from django.contrib import admin
from django.urls import include, path

from config import demo_chat

# Here, and not as the apps get ready: a worker has no pages, and they are a tenth of its memory.
admin.autodiscover()

# Leads stand first: every include that is tried in vain is a list of what was tried, a tenth of a capture.
urlpatterns = [
    path("v1/", include("leads.urls")),
    path("v1/", include("engine.urls")),
    path("v1/", include("webhooks.urls")),
    path("", include("gateway.urls")),
    path("demo/chat", demo_chat.page, name="demo-chat"),
    path("demo/<str:name>", demo_chat.page, name="demo-chat-file"),
    path("admin/", admin.site.urls),
]

handler400 = "gateway.problems.bad_request"
handler403 = "gateway.problems.permission_denied"
handler404 = "gateway.problems.page_not_found"
handler500 = "gateway.problems.server_error"
