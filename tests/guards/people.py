"""Guards of the front door that are about rights, what is kept of a request, and people who sign in."""

from tests.guards import Off

SIGN_IN = "tests/gateway/test_sign_in.py"
MATRIX = "tests/config/test_matrix.py"
CHATBOTS = "tests/config/test_admin_chatbots.py"
LOG = "tests/gateway/test_request_log.py"

RIGHTS = [
    Off.by_one_change(
        "every route has an entry",
        f"{MATRIX}::test_every_route_has_an_entry",
        "leads/urls.py",
        "urlpatterns = [",
        "from django.views.generic import View\n\nurlpatterns = [\n    path('v1/new', View.as_view()),",
    ),
    Off.by_one_change(
        "a scope opens what needs it and nothing else",
        MATRIX,
        "gateway/permissions.py",
        "if scope is not None and (scope in caller.scopes",
        "if scope is not None or (scope in caller.scopes",
    ),
    Off.by_one_change(
        "a session opens few views",
        MATRIX,
        "gateway/permissions.py",
        'if caller.kind == "session" and not (',
        'if caller.kind == "session" and False and (',
    ),
    Off.by_one_change(
        "a foreign lead is not there",
        MATRIX,
        "leads/listing.py",
        'return leads if "leads:read:all" in caller.scopes else leads.captured_by(caller.client)',
        "return leads",
    ),
    Off.by_one_change(
        "without a credential nobody gets in",
        MATRIX,
        "gateway/permissions.py",
        "        if not isinstance(caller, Caller):\n            return False",
        "        if not isinstance(caller, Caller):\n            return True",
    ),
    Off.by_one_change(
        "a role does what it says",
        "tests/config/test_roles.py",
        "gateway/roles.py",
        '"gateway.requestlog": ("view",),',
        '"gateway.requestlog": ("view",),\n                "gateway.key": ("view",),',
    ),
    Off.by_one_change(
        "who would lock themselves out is stopped",
        CHATBOTS,
        "gateway/admin_access.py",
        "    if not is_open_to(by, networks):\n",
        "    if False:\n",
    ),
    Off.by_one_change(
        "the admin opens to its networks alone",
        CHATBOTS,
        "gateway/admin_access.py",
        "return not networks or is_within(parse_address(address), networks)",
        "return True",
    ),
    Off.by_one_change(
        "logging whole ends by itself",
        CHATBOTS,
        "gateway/models.py",
        "return self.log_whole_until is not None and self.log_whole_until > db_now()",
        "return self.log_whole_until is not None",
    ),
    Off.by_one_change(
        "a key is shown once",
        CHATBOTS,
        "gateway/services.py",
        "        name=name,\n        prefix=parsed.prefix,",
        "        name=str(text),\n        prefix=parsed.prefix,",
    ),
    Off.by_one_change(
        "bodies in the log are scrubbed",
        LOG,
        "gateway/request_log.py",
        'return scrub_body(body, LONGEST_BODY, _FREE_TEXT) if body else ""',
        'return body.decode(errors="replace")[:LONGEST_BODY]',
    ),
    Off.by_one_change(
        "what people wrote is scrubbed in the log",
        LOG,
        "gateway/request_log.py",
        "scrub_body(body, LONGEST_BODY, _FREE_TEXT)",
        "scrub_body(body, LONGEST_BODY)",
    ),
    Off.by_one_change(
        "figures are not public",
        "tests/gateway/test_metrics.py",
        "gateway/metrics.py",
        "    if _may_read(request):\n",
        "    if True:\n",
    ),
    Off.by_one_change(
        "one name twice in an object is refused",
        "tests/gateway/test_parsing.py",
        "gateway/parsing.py",
        "if len(found) != len(pairs):",
        "if False:",
    ),
    Off.by_one_change(
        "NaN is refused", "tests/gateway/test_parsing.py", "gateway/parsing.py", ", parse_constant=_refuse_constant", ""
    ),
    Off.by_one_change(
        "depth is bounded",
        "tests/gateway/test_parsing.py",
        "gateway/parsing.py",
        "        if levels == 0:\n",
        "        if False:\n",
    ),
    Off.by_one_change(
        "a body is bounded",
        "tests/gateway/test_middleware.py",
        "gateway/middleware.py",
        "        if length <= settings.API_BODY_MAX_BYTES:\n",
        "        if True:\n",
    ),
]

SIGNING_IN = [
    Off.by_one_change(
        "wrong passwords have to wait",
        SIGN_IN,
        "gateway/lockout.py",
        "return seconds_left(request, _name_in(credentials)) > 0",
        "return False",
    ),
    Off.by_one_change(
        "by name alone nobody is shut out",
        SIGN_IN,
        "gateway/lockout.py",
        '    yield f"{person}:{network}", PERSON\n',
        "    yield person, PERSON\n",
    ),
    Off.by_one_change(
        "by network alone it takes many",
        SIGN_IN,
        "gateway/lockout.py",
        '    yield f"{person}:{network}", PERSON\n',
        "    yield network, PERSON\n",
    ),
    Off.by_one_change(
        "a known browser counts by itself",
        SIGN_IN,
        "gateway/lockout.py",
        "if browser := known_browser(request, name):",
        'if browser := "":',
    ),
    Off.by_one_change(
        "for its own person alone",
        SIGN_IN,
        "gateway/lockout.py",
        'return str(mark) if whose == _digest(name) else ""',
        "return str(mark)",
    ),
    Off.by_one_change(
        "a household of IPv6 is one", SIGN_IN, "gateway/lockout.py", "_IPV6_BITS = 64", "_IPV6_BITS = 128"
    ),
    Off.by_one_change(
        "waiting attempts prolong nothing",
        SIGN_IN,
        "gateway/lockout.py",
        "        if not seconds_left(request, name):\n",
        "        if True:\n",
    ),
    Off.by_one_change(
        "administrators need a second factor",
        SIGN_IN,
        "gateway/authenticators.py",
        "return person.is_administrator and not settings.DEMO_MODE",
        "return False",
    ),
    Off.by_one_change(
        "a code counts once",
        SIGN_IN,
        "gateway/authenticators.py",
        "self.last_t, self.drift = totp.t(), totp.drift",
        "self.drift = totp.drift",
    ),
    Off.by_one_change(
        "a recovery code counts once",
        SIGN_IN,
        "gateway/authenticators.py",
        "        self.recovery_digests = left\n",
        "",
    ),
    Off.by_one_change(
        "wrong codes have to wait",
        SIGN_IN,
        "gateway/authenticators.py",
        "            self.throttle_increment()\n",
        "            pass\n",
    ),
    Off.by_one_change(
        "a password alone is nobody",
        SIGN_IN,
        "gateway/sign_in.py",
        "return is_required(person) or authenticator_of(person) is not None",
        "return False",
    ),
    Off.by_one_change(
        "an idle session ends", SIGN_IN, "gateway/sign_in.py", " or now - seen > SESSION_IDLE.total_seconds():", ":"
    ),
    Off.by_one_change(
        "a page that refreshes itself is nobody",
        SIGN_IN,
        "gateway/sign_in.py",
        'is_person = request.headers.get("Sec-Fetch-Mode", "navigate") == "navigate"',
        "is_person = True",
    ),
]

OFF = [*RIGHTS, *SIGNING_IN]
