"""Guards of the front door against callers: credentials, addresses, counts, what pages may do."""

from tests.guards import Off

KEYS = "tests/gateway/test_authentication.py"
LOAD = "tests/gateway/test_keys_under_load.py"
SPOOFING = "tests/gateway/test_spoofing.py"
PAGES = "tests/leads/test_visitors.py"
LISTING = "tests/leads/test_listing.py"

CREDENTIALS = [
    Off.by_one_change(
        "a key is asked for again after two seconds",
        LOAD,
        "config/settings.py",
        "KEY_CACHE_SECONDS = 2.0",
        "KEY_CACHE_SECONDS = 30.0",
    ),
    Off.by_one_change(
        "a rotated key works on beside the new one",
        LOAD,
        "gateway/services.py",
        "left = min(max(overlap, timedelta(0)), LONGEST_OVERLAP)",
        "left = timedelta(0)",
    ),
    Off.by_one_change(
        "a revoked key is refused", KEYS, "gateway/authentication.py", "if key.revoked_at is not None:", "if False:"
    ),
    Off.by_one_change(
        "a key ends on its day", KEYS, "gateway/authentication.py", "if key.has_ended_on_its_day:", "if False:"
    ),
    Off.by_one_change(
        "a key serves only its kind",
        KEYS,
        "gateway/authentication.py",
        "if key is None or key.kind != parsed.kind:",
        "if key is None:",
    ),
    Off.by_one_change(
        "a key over plain HTTP is refused",
        KEYS,
        "gateway/ways.py",
        "if not http.is_secure() and not is_local_demo(http):",
        "if False:",
    ),
    Off.by_one_change(
        "a key over plain HTTP is marked",
        KEYS,
        "gateway/ways.py",
        "        _expose(caller)\n        detail = (",
        "        detail = (",
    ),
    Off.by_one_change(
        "behind a proxy on this machine is not this machine",
        KEYS,
        "gateway/addresses.py",
        'if not settings.DEMO_MODE or "HTTP_X_FORWARDED_FOR" in request.META or "HTTP_FORWARDED" in request.META:',
        "if not settings.DEMO_MODE:",
    ),
    Off.by_one_change(
        "only the demo forgives plain HTTP",
        KEYS,
        "gateway/addresses.py",
        'if not settings.DEMO_MODE or "HTTP_X_FORWARDED_FOR" in request.META',
        'if "HTTP_X_FORWARDED_FOR" in request.META',
    ),
    Off.by_one_change(
        "a key in the address is refused",
        KEYS,
        "gateway/middleware.py",
        "_refuse_nul(request) or ways.key_in_url(request) or _bound_body(request)",
        "_refuse_nul(request) or _bound_body(request)",
    ),
    Off.by_one_change(
        "a key in the address is marked", KEYS, "gateway/ways.py", "        _expose_text(found)\n", "        pass\n"
    ),
    Off.by_one_change(
        "a secret key in a foreign page is refused",
        KEYS,
        "gateway/ways.py",
        "        _check_no_foreign_page(http, caller)\n",
        "        pass\n",
    ),
    Off.by_one_change(
        "a secret key in a foreign page is marked",
        KEYS,
        "gateway/ways.py",
        "        return\n    _expose(caller)\n",
        "        return\n",
    ),
    Off.by_one_change(
        "a name pointed at us makes no page our own",
        KEYS,
        "gateway/ways.py",
        'return origin == f"{http.scheme}://{http.get_host()}"',
        'return origin == f"{http.scheme}://{http._get_raw_host()}"',
    ),
    Off.by_one_change(
        "a publishable key works on listed pages alone",
        KEYS,
        "gateway/ways.py",
        "        _check_listed_page(http, caller)\n",
        "        pass\n",
    ),
    Off.by_one_change(
        "a publishable key has few scopes, whatever its client",
        KEYS,
        "gateway/permissions.py",
        'if caller.kind == "publishable" and not is_open:',
        "if False:",
    ),
    Off.by_one_change("a list of networks is kept to", KEYS, "gateway/ways.py", "if _is_outside(caller):", "if False:"),
    Off.by_one_change(
        "a list on trial refuses nobody", KEYS, "gateway/ways.py", " or client.networks_report_only or ", " or "
    ),
    Off.by_one_change(
        "a client that is off is refused", KEYS, "gateway/ways.py", "if not caller.client.is_active:", "if False:"
    ),
    Off.by_one_change(
        "a session belongs to its page",
        "tests/gateway/test_sessions.py",
        "gateway/ways.py",
        "        _check_page_of(http, caller.session)\n",
        "        pass\n",
    ),
    Off.by_one_change(
        "a session ends with its key",
        "tests/gateway/test_sessions.py",
        "gateway/authentication.py",
        " or not (session.key is None or session.key.is_working):",
        ":",
    ),
    Off.by_one_change(
        "a scope taken from the client is gone from its tokens",
        "tests/gateway/test_oauth.py",
        "gateway/authentication.py",
        "frozenset(token.scope.split()) & frozenset(client.scopes)",
        "frozenset(token.scope.split())",
    ),
    Off.by_one_change(
        "a right that is taken away ends in the tokens",
        "tests/gateway/test_consent.py",
        "gateway/authentication.py",
        "if may_give(token.user, scope))",
        "if True)",
    ),
    Off.by_one_change(
        "a browser keeps from a page what its credential is not for",
        "tests/browser/test_cross_origin_browser.py",
        "gateway/cors.py",
        'return caller.kind != "secret" and origin in caller.client.origins',
        "return True",
    ),
    Off.by_one_change(
        "a page captures with what it is listed for",
        "tests/browser/test_cross_origin_browser.py",
        "gateway/ways.py",
        "        _check_listed_page(http, caller)\n",
        "        _expose(caller)\n        raise Problem(403, 'origin_not_allowed', '', '')\n",
    ),
    Off.by_one_change(
        "a page reads only what its own credential is for",
        "tests/gateway/test_cors.py",
        "gateway/cors.py",
        'return caller.kind != "secret" and origin in caller.client.origins',
        "return True",
    ),
]

SPOOFED = [
    Off.by_one_change(
        "forwarding headers count from trusted proxies alone",
        SPOOFING,
        "gateway/addresses.py",
        "if not settings.TRUSTED_PROXIES or not is_within(address, settings.TRUSTED_PROXIES):",
        "if not settings.TRUSTED_PROXIES:",
    ),
    Off.by_one_change(
        "they are read from the right",
        SPOOFING,
        "gateway/addresses.py",
        'reversed(environ["HTTP_X_FORWARDED_FOR"].split(",")',
        'list(environ["HTTP_X_FORWARDED_FOR"].split(",")',
    ),
    Off.by_one_change(
        "what is no address ends the reading",
        SPOOFING,
        "gateway/addresses.py",
        "        if address is None or not is_within(address, settings.TRUSTED_PROXIES):\n            break",
        "        if address is not None and not is_within(address, settings.TRUSTED_PROXIES):\n            break",
    ),
    Off.by_one_change(
        "an address with a zone is none",
        SPOOFING,
        "gateway/addresses.py",
        "        if address.scope_id:\n            return None\n",
        "",
    ),
    Off.by_one_change(
        "a mapped address is the IPv4 one",
        SPOOFING,
        "gateway/addresses.py",
        "return address.ipv4_mapped or address",
        "return address",
    ),
    Off.by_one_change(
        "an unknown address lies in no network",
        SPOOFING,
        "gateway/addresses.py",
        "return address is not None and any(",
        "return address is None or any(",
    ),
    Off.by_one_change(
        "a network is written exactly",
        SPOOFING,
        "gateway/addresses.py",
        "return ip_network(text.strip())",
        "return ip_network(text.strip(), strict=False)",
    ),
    Off.by_one_change(
        "https is believed from a trusted proxy alone",
        "tests/gateway/test_addresses.py",
        "gateway/addresses.py",
        'if not said or not is_within(parse_address(environ.get("REMOTE_ADDR") or ""), settings.TRUSTED_PROXIES):',
        "if not said:",
    ),
]

COUNTED = [
    Off.by_one_change(
        "processes count together",
        "tests/gateway/test_throttling.py",
        "gateway/throttling.py",
        "if time.monotonic() >= _asked_again_at:",
        "if False:",
    ),
    Off.by_one_change(
        "web processes count in one place",
        "tests/gateway/test_limit_over_processes.py",
        "gateway/throttling.py",
        "if time.monotonic() >= _asked_again_at:",
        "if False:",
    ),
    Off.by_one_change(
        "counting is one step",
        "tests/gateway/test_throttling.py",
        "runtime/cache.py",
        "        found = self._write(sql, row).fetchone()\n        if found is None:",
        "        found = (int(self.get(key, version=version)) + delta,)\n"
        "        time.sleep(0.001)\n"
        "        self.set(key, found[0], 60, version)\n"
        "        if found is None:",
    ),
    Off.by_one_change(
        "wrong credentials are counted by address",
        "tests/gateway/test_throttling.py",
        "gateway/authentication.py",
        "wait = count_failure(http)",
        "wait = None",
    ),
    Off.by_one_change(
        "a hundred equal requests are one",
        "tests/config/test_front_door.py",
        "leads/api.py",
        "remember=remember if attempt.key else None",
        "remember=None",
    ),
    Off.by_one_change(
        "who comes second asks again",
        "tests/gateway/test_idempotency.py",
        "gateway/idempotency.py",
        "            raise Raced from err",
        "            raise",
    ),
    Off.by_one_change(
        "a key with another body is refused",
        "tests/gateway/test_idempotency.py",
        "gateway/idempotency.py",
        "if stored.fingerprint != fingerprint:",
        "if False:",
    ),
    Off.by_one_change(
        "an idempotency key belongs to its client",
        "tests/gateway/test_idempotency.py",
        "gateway/idempotency.py",
        "filter(client=client, route=route, key=key)",
        "filter(route=route, key=key)",
    ),
    Off.by_one_change(
        "questions have half of the threads",
        "tests/config/test_front_door.py",
        "gateway/shares.py",
        'Share("query", 1 / 2)',
        'Share("query", 1)',
    ),
    Off.by_one_change(
        "a cursor is signed",
        LISTING,
        "gateway/pagination.py",
        "mark, microseconds, id = signing.loads(cursor, salt=_SALT)",
        'mark, microseconds, id = json.loads(signing.b64_decode(cursor.split(":")[0].encode()))',
    ),
    Off.by_one_change(
        "a cursor is for its own walk", LISTING, "gateway/pagination.py", "if mark != self._mark:", "if False:"
    ),
]

PUBLISHABLE = [
    Off.by_one_change(
        "known and unknown people are answered alike",
        PAGES,
        "leads/api.py",
        'json_answer({"id": str(capture.activity.pk)}, status=202)',
        'json_answer({"id": str(capture.activity.pk)}, status=202 - capture.created)',
    ),
    Off.by_one_change(
        "and take as long", PAGES, "leads/api.py", "            visitors.hold(started)\n", "            pass\n"
    ),
    Off.by_one_change(
        "the id says nothing of the person",
        PAGES,
        "leads/api.py",
        'json_answer({"id": str(capture.activity.pk)}, status=202)',
        'json_answer({"id": str(capture.lead.pk)}, status=202)',
    ),
    Off.by_one_change(
        "it overwrites nothing", PAGES, "leads/api.py", 'is_trusted=caller.kind != "publishable"', "is_trusted=True"
    ),
    Off.by_one_change(
        "nor an attribute",
        PAGES,
        "leads/services.py",
        "if value != before and (submission.is_trusted or before is None):",
        "if value != before:",
    ),
    Off.by_one_change(
        "its consent is unconfirmed",
        PAGES,
        "leads/services.py",
        "is_confirmed=submission.is_trusted",
        "is_confirmed=True",
    ),
    Off.by_one_change(
        "it names no customer by number", PAGES, "leads/visitors.py", 'if fields.get("reference"):', "if False:"
    ),
    Off.by_one_change(
        "its idempotency keys are its own",
        PAGES,
        "leads/api.py",
        'return f"{_ROUTE}/pages" if caller.is_visitor else _ROUTE',
        "return _ROUTE",
    ),
    Off.by_one_change(
        "a session captures for its own visitor", PAGES, "leads/visitors.py", "    if foreign:\n", "    if False:\n"
    ),
    Off.by_one_change(
        "it asks public intents alone",
        "tests/engine/test_api.py",
        "engine/api.py",
        'is_public = self.caller.kind == "publishable"',
        "is_public = False",
    ),
    Off.by_one_change(
        "it does not say who the customer is",
        "tests/engine/test_visitors.py",
        "engine/api.py",
        "if named and self.caller.is_visitor:",
        "if False:",
    ),
]

OFF = [*CREDENTIALS, *SPOOFED, *COUNTED, *PUBLISHABLE]
