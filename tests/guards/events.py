"""What keeps events from vendors proved, once, in order and complete, switched off one by one."""

from tests.guards import Off

_MESSAGES = "tests/webhooks/test_vendor_messages.py::"
_CHANGES = "tests/webhooks/test_changes.py::"
_CONSENTS = "tests/leads/test_vendor_consents.py::"
_POLLING = "tests/integrations/providers/test_polling.py::"
_CONTRACT = "tests/integrations/providers/test_event_contract.py::"

_ONE = Off.by_one_change

OFF = [
    _ONE(
        "a message is proved before it is read",
        f"{_MESSAGES}test_what_is_not_proved_is_refused_counted_and_not_kept",
        "webhooks/told.py",
        "        speaks.verify(received, sources.secrets_in_force(source, speaks, token))\n",
        "",
    ),
    _ONE(
        "what is refused is counted",
        f"{_MESSAGES}test_what_is_not_proved_is_refused_counted_and_not_kept",
        "webhooks/told.py",
        "        sources.refusal_note(source=source, because=err.code)\n",
        "",
    ),
    _ONE(
        "only from the networks that may send",
        f"{_MESSAGES}test_only_the_networks_that_may_send_may",
        "webhooks/told.py",
        "        sources.check_sender(source, sender)\n",
        "",
    ),
    _ONE(
        "a recorded message grows old",
        f"{_MESSAGES}test_a_recorded_message_is_refused_once_it_is_old",
        "integrations/providers/hubspot/events.py",
        "    check_recent(sent_at, received.now)\n",
        "",
    ),
    _ONE(
        "a header's clock that is hours off refuses nothing",
        "tests/integrations/providers/klaviyo/test_events.py::test_the_header_s_clock_may_be_hours_off",
        "integrations/providers/klaviyo/events.py",
        "_told_at(received) or ",
        "",
    ),
    _ONE(
        "who was put on a blocklist there has withdrawn",
        "tests/integrations/providers/brevo/test_events.py::test_who_is_put_on_the_blocklist_has_left",
        "integrations/providers/brevo/events.py",
        'each.get("emailBlacklist") is True',
        "False",
    ),
    _ONE(
        "somebody is told by the id their deliveries were given",
        "tests/integrations/providers/mailchimp/test_events.py::test_somebody_is_told_by_the_id_their_deliveries_were_given",
        "integrations/providers/mailchimp/events.py",
        'fields.get("data[old_email]") or email',
        'fields.get("data[id]") or email',
    ),
    _ONE(
        "only trusted proxies say how we were addressed",
        f"{_MESSAGES}test_the_address_that_was_signed_is_the_one_the_sender_wrote",
        "gateway/addresses.py",
        '    if is_within(parse_address(environ.get("REMOTE_ADDR") or ""), settings.TRUSTED_PROXIES):\n        # Each',
        "    if True:\n        # Each",
    ),
    _ONE(
        "an address that was replaced ends",
        f"{_MESSAGES}test_what_was_replaced_works_for_seven_days",
        "webhooks/sources.py",
        "Q(token_before=digest, token_made_at__gt=db_now() - OVERLAP)",
        "Q(token_before=digest)",
    ),
    _ONE(
        "a secret that was replaced ends",
        f"{_MESSAGES}test_what_was_replaced_works_for_seven_days",
        "webhooks/sources.py",
        '["secret", "before"] if is_overlapping(source.secret_entered_at) else ["secret"]',
        '["secret", "before"]',
    ),
    _ONE(
        "a key to call with is no secret to sign with",
        f"{_MESSAGES}test_an_access_key_is_no_secret_to_sign_with",
        "integrations/credentials.py",
        '[slot["client_secret"] for slot in slots if slot.get("client_secret")]',
        "[value for slot in slots for value in slot.values()]",
    ),
    _ONE(
        "what comes again is stored once",
        f"{_MESSAGES}test_what_comes_again_is_stored_once_also_beside_something_new",
        "webhooks/told.py",
        'reading.bounded("event:", each.dedupe_id): each',
        'reading.bounded("event:", f"{each.dedupe_id}{__import__(\'time\').time_ns()}"): each',
    ),
    _ONE(
        "what no database takes is replaced",
        f"{_MESSAGES}test_what_no_database_takes_is_replaced_and_what_is_too_long_is_cut",
        "webhooks/told.py",
        'return _UNSTORABLE.sub("\\ufffd", str(text))[:longest]',
        "return str(text)",
    ),
    _ONE(
        "what is not understood is kept without what is personal",
        f"{_MESSAGES}test_what_is_proved_and_not_understood_waits_for_a_person_without_what_is_personal",
        "webhooks/told.py",
        '_storable(scrub_text(body.decode("utf-8", "replace")), _LONGEST_BODY)',
        '_storable(body.decode("utf-8", "replace"), _LONGEST_BODY)',
    ),
    _ONE(
        "publishing and settling commit together",
        f"{_MESSAGES}test_a_worker_that_dies_between_answer_and_event_loses_nothing",
        "webhooks/jobs.py",
        "    with transaction.atomic():\n        published",
        "    if True:\n        published",
    ),
    _ONE(
        "an event is a row before it is answered",
        "tests/faults/test_kills.py::"
        "test_events_that_were_taken_are_told_once_though_everything_is_killed_after_the_answer",
        "webhooks/services.py",
        "            event.save(force_insert=True)\n",
        "            __import__('threading').Timer(0.5, lambda: event.save(force_insert=True)).start()\n",
    ),
    _ONE(
        "an organisation is asked for",
        f"{_MESSAGES}test_salesforce_is_answered_as_it_waits_for_and_known_by_its_organisation",
        "integrations/providers/salesforce/events.py",
        "    if named[:_ID_LENGTH] != organisation[:_ID_LENGTH]:\n",
        "    if False:\n",
    ),
    _ONE(
        "XML has no document type",
        "tests/integrations/providers/salesforce/test_events.py::"
        "test_what_is_declared_cut_too_large_or_something_else_is_not_read",
        "integrations/providers/salesforce/events.py",
        "from defusedxml.ElementTree import ParseError, fromstring\n",
        "from xml.etree.ElementTree import XML, ParseError\n\n\ndef fromstring(text, **_):\n    return XML(text)\n\n\n",
    ),
    _ONE(
        "the address is the proof where nothing is signed",
        f"{_CONTRACT}test_a_message_without_its_proof_is_refused",
        "integrations/providers/signatures.py",
        '    check_token(url.partition("?")[0].rpartition("/")[2], secrets)\n',
        "",
    ),
    _ONE(
        "what somebody agreed to since stays",
        f"{_CONSENTS}test_what_somebody_agreed_to_since_stays",
        "leads/vendor_consents.py",
        "            if is_meant and (at is None or at >= said.at):\n",
        "            if is_meant:\n",
    ),
    _ONE(
        "an id is one of the vendor's that tells",
        f"{_CONSENTS}test_an_id_of_another_connector_is_somebody_else",
        "integrations/outbox.py",
        "self.filter(is_named, connector=connector_id, external_id=external_id)",
        "self.filter(is_named, external_id=external_id)",
    ),
    _ONE(
        "a vendor confirms only what we had it ask",
        f"{_CONSENTS}TestSubscribed::test_who_was_not_asked_there_has_confirmed_something_else",
        "leads/vendor_consents.py",
        "        if is_open and _was_asked(lead, _connector_id(event)):\n",
        "        if is_open:\n",
    ),
    _ONE(
        "a subscription without a confirmation confirms nothing",
        f"{_CONSENTS}TestSubscribed::test_without_the_mail_it_confirms_nothing",
        "leads/vendor_consents.py",
        'for lead in _people(event) if _text(event, "confirmed") == "yes" else ():',
        "for lead in _people(event):",
    ),
    _ONE(
        "a pass begins before the newest change of the one before",
        f"{_POLLING}test_nothing_is_missed",
        "integrations/providers/polling.py",
        "max(going_on.floor, going_on.newest - OVERLAP)",
        "max(going_on.floor, going_on.newest + _SECOND)",
    ),
    _ONE(
        "nothing of the past is told",
        f"{_POLLING}test_what_was_changed_before_the_first_question_is_never_told",
        "integrations/providers/polling.py",
        "max(going_on.floor, going_on.newest - OVERLAP)",
        "going_on.newest - OVERLAP",
    ),
    _ONE(
        "who was overtaken writes nothing",
        f"{_CHANGES}test_who_was_overtaken_writes_nothing",
        "webhooks/changes.py",
        "ConnectorState.objects.filter(pk=connector.pk, ask_due_at=lease)",
        "ConnectorState.objects.filter(pk=connector.pk)",
    ),
    _ONE(
        "two workers don't ask at once",
        f"{_CHANGES}test_two_workers_don_t_ask_at_once",
        "webhooks/changes.py",
        "ConnectorState.objects.filter(is_due, pk=state.pk)",
        "ConnectorState.objects.filter(pk=state.pk)",
    ),
    _ONE(
        "a place to go on from is asked for",
        f"{_CHANGES}test_an_answer_without_a_place_to_go_on_from_is_not_taken",
        "webhooks/changes.py",
        "    if not 0 < len(told.cursor) <= _LONGEST_CURSOR:\n",
        "    if False:\n",
    ),
    _ONE(
        "an old parcel is no news",
        "tests/integrations/providers/woocommerce/test_changed.py::test_that_it_was_sent_is_told_when_it_is_news",
        "integrations/providers/woocommerce/events.py",
        "found[:1] if sent_at is not None and sent_at < since else found",
        "found",
    ),
]
