"""Guards of providers: what a vendor's answer is taken for, whom it is told of, whose events are believed."""

from tests.guards import Off

TESTS = "tests/integrations/providers"
CONTRACT = f"{TESTS}/test_contract.py"


def _off(guard: str, scenario: str, file: str, text: str, other: str) -> Off:
    return Off.by_one_change(guard, f"{TESTS}/{scenario}", f"integrations/providers/{file}", text, other)


SALESFORCE = [
    _off(
        "a record that failed inside a 2xx is not delivered",
        "salesforce/test_records.py::test_a_failure_that_names_its_record_is_no_delivery",
        "salesforce/records.py",
        'if item.get("success") is True and',
        "if",
    ),
    _off(
        "a success without a record is not delivered",
        "salesforce/test_records.py::test_a_success_without_a_record_is_no_delivery",
        "salesforce/records.py",
        ' and is_record_id(item.get("id"))',
        "",
    ),
    _off(
        "an answer about another number of records tells nothing",
        "salesforce/test_records.py::test_an_answer_about_fewer_records_than_were_sent_is_no_delivery",
        "salesforce/records.py",
        "isinstance(body, list) and len(body) == count else [None] * count",
        "isinstance(body, list) else [None] * count\n    told = [told[0]] * count if told else []",
    ),
    _off(
        "of two records that a duplicate rule matched neither is written over",
        "salesforce/test_records.py::test_of_two_records_that_a_rule_matched_neither_is_written_over",
        "salesforce/problems.py",
        'return ids.pop() if len(ids) == 1 else ""',
        'return min(ids) if ids else ""',
    ),
    _off(
        "a record is found by its whole address",
        "salesforce/test_records.py::test_a_record_with_a_longer_address_is_somebody_else",
        "salesforce/records.py",
        'str(row.get("Email") or "").lower() == email',
        'email in str(row.get("Email") or "").lower()',
    ),
    _off(
        "a record that was matched is found by our id from then on",
        "salesforce/test_records.py::test_what_a_duplicate_rule_matched_is_updated_instead",
        "salesforce/provider.py",
        "{**record(contact, self._kind), self._external_id: contact.id}",
        "{**record(contact, self._kind)}",
    ),
    _off(
        "an erasure ends where our id has found its record",
        "salesforce/test_records.py::test_what_our_id_found_is_forgotten_and_nothing_else",
        "salesforce/provider.py",
        "if not is_gone and contact.external_id:",
        "if contact.external_id:",
    ),
    _off(
        "over the day's limit is no refusal",
        "salesforce/test_records.py::test_over_the_limit_is_a_403_without_retry_after_and_told_as_todays_limit",
        "salesforce/problems.py",
        "if problem.code in _PASSING and reply.status in {400, 403}:",
        "if False:",
    ),
    Off.by_one_change(
        "tokens are for their credential's host alone",
        f"{TESTS}/salesforce/test_sandbox.py::test_tokens_for_another_host_are_not_taken",
        "integrations/oauth.py",
        "if found != host.lower():",
        "if False:",
    ),
]

NEWSLETTERS = [
    _off(
        "who was refused by an import is told by place",
        "klaviyo/test_profiles.py::test_a_job_that_is_done_says_who_was_refused_on_any_page",
        "klaviyo/profiles.py",
        'told.setdefault(place[1] if place else ""',
        "told.setdefault(str(len(told))",
    ),
    _off(
        "where a refusal names nobody, nobody else is said to have arrived",
        "klaviyo/test_profiles.py::test_a_job_that_is_lost_or_does_not_say_whom_it_refused_is_no_delivery",
        "klaviyo/provider.py",
        'Outcome.unconfirmed() if "" in failed else Outcome.delivered()',
        "Outcome.delivered()",
    ),
    _off(
        "a job that didn't end well has delivered nobody",
        "klaviyo/test_profiles.py::test_a_job_that_is_lost_or_does_not_say_whom_it_refused_is_no_delivery",
        "klaviyo/provider.py",
        'if told.get("status") != "complete":',
        "if False:",
    ),
    *(
        _off(
            guard,
            "klaviyo/test_profiles.py::test_nobody_is_subscribed_behind_their_back",
            f"klaviyo/{file}.py",
            text,
            other,
        )
        for guard, file, text, other in (
            ("who has left is not subscribed", "provider", "if has_left(marketing, self._list_id):", "if False:"),
            ("whose mails bounce is not subscribed", "provider", "if has_bounced(marketing):", "if False:"),
            (
                "who agreed before leaving is not asked back",
                "provider",
                " or not agreed_since(contact, moment(left_at(marketing)))",
                "",
            ),
            (
                "who may be somebody else is only asked by mail",
                "provider",
                "elif not is_sure(contact, self.config) and not asks_by_mail and",
                "elif False and",
            ),
            (
                "whom the company has put aside has left",
                "profiles",
                'bool(_objects(marketing.get("suppression"))) or list_id in from_list',
                "list_id in from_list",
            ),
            (
                "who left this list has left",
                "profiles",
                'bool(_objects(marketing.get("suppression"))) or list_id in from_list',
                'bool(_objects(marketing.get("suppression")))',
            ),
            (
                "the last time somebody left counts",
                "profiles",
                'max([str(item.get("timestamp")',
                'min([str(item.get("timestamp")',
            ),
        )
    ),
    _off(
        "a list's id leads nowhere else",
        "test_subscribing.py",
        "subscribing.py",
        r'r"\A[A-Za-z0-9]{1,32}\Z"',
        r'r"[A-Za-z0-9]{1,32}\Z"',
    ),
    _off(
        "who couldn't be erased or unsubscribed is not said to be",
        "test_contract.py::test_who_is_not_erased_or_unsubscribed_is_never_said_to_be",
        "subscribing.py",
        "    if reply.status != 404:\n        raise_for(reply)\n    return Outcome.delivered()",
        "    return Outcome.delivered()",
    ),
    _off(
        "a vendor's words about a person are not passed on",
        "test_contract.py::test_no_error_tells_what_a_person_entered",
        "klaviyo/profiles.py",
        "detail[:200] if reply.status in _SPEAKABLE and isinstance(detail, str)",
        "detail[:200] if isinstance(detail, str)",
    ),
]

SHOPS = [
    _off(
        "a refusal inside a 200 is a refusal",
        "shopify/test_records.py::test_a_phone_that_is_taken_is_said_without_the_phone",
        "shopify/graphql.py",
        "    if refusals:\n",
        "    if False:\n",
    ),
    _off(
        "who has unsubscribed at a shop is not subscribed",
        "shopify/test_records.py::test_nobody_is_subscribed_against_their_will",
        "shopify/provider.py",
        'if state == "UNSUBSCRIBED":',
        "if False:",
    ),
    _off(
        "a shop takes only consents that are sure",
        "shopify/test_records.py::test_nobody_is_subscribed_against_their_will",
        "shopify/provider.py",
        "if not is_sure(contact, self.config):",
        "if contact.statement is None:",
    ),
    _off(
        "an order is told by its whole name",
        "shopify/test_records.py::test_an_order_of_another_name_is_not_told",
        "shopify/provider.py",
        " if order.number.lower() == wanted.lower()]",
        "]",
    ),
    _off(
        "an order's id is not its number",
        "woocommerce/test_records.py::test_an_id_that_is_not_the_number_is_another_order",
        "woocommerce/provider.py",
        'if found and text(found.get("number")) == wanted:',
        "if found:",
    ),
    _off(
        "a customer is found by the whole address",
        "woocommerce/test_records.py::test_a_customer_is_compared_whole",
        "woocommerce/provider.py",
        "(person for person in people if person.email == wanted)",
        "iter(people)",
    ),
    _off(
        "what is on backorder is not promised",
        "woocommerce/test_records.py::test_stock_that_is_shared_and_on_backorder_is_none_to_promise",
        "woocommerce/records.py",
        "max(count, Decimal(0))",
        "count",
    ),
]

EVENTS = [
    *(
        _off(f"{part} is signed", "hubspot/test_events.py::test_every_part_is_signed", "hubspot/events.py", text, other)
        for part, text, other in (
            ("the method", "{received.method}", "POST"),
            ("the address", "{received.url}", ""),
            ("the body", " + received.body", ""),
            ("the time", " + stamp.encode()", ""),
        )
    ),
    _off(
        "a message that is old is refused",
        "hubspot/test_events.py::test_what_is_older_than_five_minutes_is_refused",
        "hubspot/events.py",
        "    check_recent(sent_at, received.now)\n",
        "",
    ),
    *(
        _off(
            f"{folder}'s signature is checked",
            "test_event_contract.py::test_a_message_is_refused_where_no_secret_fits",
            f"{folder}/provider.py",
            text,
            other,
        )
        for folder, text, other in (
            ("shopify", 'check_hmac(received.header("X-Shopify-Hmac-SHA256"), received.body, secrets)', "pass"),
            ("woocommerce", "check_hmac(received.header(_SIGNATURE), received.body, secrets)", "pass"),
            ("hubspot", "events.verify(received, secrets)", "pass"),
        )
    ),
    _off(
        "what happens in one second is told apart",
        "woocommerce/test_records.py::test_what_the_same_second_brings_is_told_apart",
        "woocommerce/events.py",
        'topic.encode() + b"\\n" + received.body',
        'received.header("X-WC-Webhook-Delivery-ID").encode()',
    ),
    _off(
        "an order that was sent is told so once",
        "woocommerce/test_records.py::test_an_order_that_was_sent_is_told_so_once_however_often_it_changes_after",
        "woocommerce/events.py",
        "return order_events(order, records.changed_at(body), digest, reached,",
        'return order_events(order, records.changed_at(body), digest, f"{digest}:reached",',
    ),
    _off(
        "only a call that names a webhook and nothing else passes without a signature",
        "woocommerce/test_records.py::test_the_unsigned_call_at_a_webhooks_making_only_looks",
        "woocommerce/provider.py",
        "_PROBE.fullmatch(received.body)",
        "_PROBE.match(received.body)",
    ),
]

OFF = [*SALESFORCE, *NEWSLETTERS, *SHOPS, *EVENTS]
