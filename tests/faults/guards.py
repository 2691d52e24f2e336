"""Guards that keep accepted leads from being lost or sent twice, and the scenarios that turn red without them."""

from tests.guards import Off

OFF = [
    Off(
        "tests/faults/test_kills.py::test_a_worker_killed_when_the_vendor_gets_the_request_sends_it_again",
        "a delivery is settled after the vendor's answer",
        (
            (
                "integrations/drain.py",
                "            calls = CallLog(self._connector)\n",
                "            calls = CallLog(self._connector)\n"
                "            early = deliveries.Results(self._connector)\n"
                "            for delivery in parcel.deliveries:\n"
                "                early.add(delivery, Outcome.delivered('1'))\n"
                "            early.save()\n",
            ),
        ),
    ),
    Off(
        "tests/faults/test_kills.py::test_a_worker_killed_when_the_vendor_has_committed_makes_no_second_contact",
        "what a vanished sender held waits again",
        (("integrations/drain.py", "deliveries.recover_lapsed(connector)", "pass"),),
    ),
    Off(
        "tests/faults/test_kills.py::test_a_worker_killed_when_the_answer_is_on_its_way_does_not_lock_the_connector",
        "a drainer's lease runs out",
        (
            (
                "integrations/leases.py",
                "(lease_until IS NULL OR lease_until < %s)",
                "lease_until IS NULL AND %s IS NOT NULL",
            ),
        ),
    ),
    Off(
        "tests/faults/test_kills.py::test_a_web_server_killed_under_load_has_kept_what_it_accepted",
        "the answer follows the commit",
        (
            (
                "leads/capture.py",
                "                captures = group_capture([entry.submission for entry in group])\n",
                "                from django.db import transaction\n"
                "                with transaction.atomic():\n"
                "                    captures = group_capture([entry.submission for entry in group])\n"
                "                    transaction.set_rollback(True)\n"
                "            work = lambda: group_capture([entry.submission for entry in group])\n"
                "            threading.Timer(0.05, work).start()\n",
            ),
        ),
    ),
    Off(
        "tests/faults/test_kills.py::test_everything_killed_at_once_goes_on_where_it_was",
        "a lead's delivery is a row of the capture's own transaction",
        (
            (
                "leads/services.py",
                "    send([*statements, *outbox.putting(wanted)])\n",
                "    import threading\n    send(statements)\n    threading.Timer(0.5, outbox.put, [wanted]).start()\n",
            ),
        ),
    ),
    Off(
        "tests/faults/test_kills.py::test_a_rolling_restart_under_load_loses_nothing",
        "what was claimed and not sent is put back, or taken up when its lease has lapsed",
        (
            ("integrations/drain.py", "            parcel.put_back()\n", "            pass\n"),
            ("integrations/drain.py", "deliveries.recover_lapsed(connector)", "pass"),
        ),
    ),
    Off(
        "tests/faults/test_takeover.py::test_a_worker_that_wakes_up_after_its_lease_does_not_have_the_last_word",
        "who lost the fence has the current state sent once more",
        (("integrations/deliveries.py", "ids = outbox.put_and_name([wanted])", "ids = []"),),
    ),
    Off(
        "tests/faults/test_takeover.py::test_a_worker_that_wakes_up_does_not_send_what_another_has_taken",
        "a call starts only under a lease that outlives it",
        (
            (
                "integrations/drain.py",
                "if not parcel.keep() or not self._lease.keep():",
                "if False:",
            ),
        ),
    ),
    Off(
        "tests/faults/test_vendor.py::test_everything_captured_while_the_vendor_is_down_arrives_when_it_is_back",
        "a vendor's trouble is tried again",
        (("integrations/providers/replies.py", "status in _LATER or status >= 500", "status in _LATER"),),
    ),
    Off(
        "tests/faults/test_vendor.py::test_everything_captured_while_the_vendor_hangs_arrives_when_it_is_back",
        "silence is tried again",
        (
            (
                "integrations/egress/transport.py",
                'raise errors.OutcomeUnknown("No whole answer came in time.") from err',
                "raise errors.Refused() from err",
            ),
        ),
    ),
    Off(
        "tests/faults/test_vendor.py::test_everything_captured_while_the_vendor_is_gone_arrives_when_it_is_back",
        "a refused connection is tried again",
        (
            (
                "integrations/egress/transport.py",
                'raise errors.RetryLater(str(err)[:200] or "No connection.", code=code) from err',
                "raise errors.Refused(code=code) from err",
            ),
        ),
    ),
    Off(
        "tests/faults/test_vendor.py::test_two_enquiries_while_the_vendor_is_down_both_arrive",
        "a delivery tells every enquiry since the last that arrived",
        (
            (
                "leads/subjects.py",
                "            result[activity.lead_id].append(",
                "            result[activity.lead_id].clear()\n            result[activity.lead_id].append(",
            ),
        ),
    ),
    Off(
        "tests/faults/test_vendor.py::test_a_429_is_waited_out",
        "429 closes the quota for as long as it says",
        (("integrations/guard.py", "_told(lambda: self._quota.close(pause))", "pass"),),
    ),
    Off(
        "tests/faults/test_vendor.py::test_a_429_may_say_how_long_in_any_shape",
        "a Retry-After that can't be read is none",
        (("integrations/providers/replies.py", "except (ValueError, TypeError, IndexError):", "except IndexError:"),),
    ),
    Off(
        "tests/faults/test_vendor.py::test_a_429_for_ages_is_a_day_at_most_and_says_so",
        "Retry-After is a day at most",
        (
            (
                "integrations/providers/replies.py",
                "return min(float(text[:12]), _LONGEST_RETRY_AFTER)",
                "return float(text)",
            ),
            (
                "integrations/providers/replies.py",
                "return min(max(seconds, 0.0), _LONGEST_RETRY_AFTER)",
                "return max(seconds, 0.0)",
            ),
            ("integrations/retries.py", "min(retry_after, _LONGEST_RETRY_AFTER)", "retry_after"),
        ),
    ),
    Off(
        "tests/faults/test_vendor.py::test_an_answer_that_says_nothing_means_to_ask_again[status-body]",
        "who isn't in the answer is unknown: not delivered",
        (
            (
                "integrations/providers/hubspot/contacts.py",
                "or Outcome.unknown() for contact",
                "or Outcome.delivered('1') for contact",
            ),
        ),
    ),
    Off(
        "tests/faults/test_vendor.py::test_an_answer_that_says_nothing_means_to_ask_again[body0]",
        "who isn't in the answer is unknown: not refused",
        (
            (
                "integrations/providers/hubspot/contacts.py",
                "or Outcome.unknown() for contact",
                "or Outcome.rejected('refused') for contact",
            ),
        ),
    ),
    Off(
        "tests/faults/test_vendor.py::test_a_bad_record_does_not_hold_up_the_others",
        "a 2xx that failed inside is a failure",
        (
            (
                "integrations/providers/hubspot/contacts.py",
                "found[key] = problem.outcome()",
                "found[key] = Outcome.delivered('1')",
            ),
        ),
    ),
    Off(
        "tests/faults/test_outage.py::test_a_vendor_down_for_long_gets_everything_by_itself[600]",
        "an open breaker lets a probe through",
        (("integrations/breaker.py", "        if cache.add(f", "        if False and cache.add(f"),),
    ),
    Off(
        "tests/faults/test_outage.py::test_a_vendor_down_for_long_gets_everything_by_itself[216000]",
        "trouble is tried again for three days",
        (("integrations/retries.py", "TROUBLE = (10, MINUTE, ", "TROUBLE = (10, MINUTE)\n_OFF = ("),),
    ),
    Off(
        "tests/faults/test_outage.py::test_a_vendor_that_never_comes_back_leaves_nobody_without_a_word",
        "after the last try a person is asked",
        (
            ("integrations/retries.py", "    if tries > len(table):\n", "    if tries > 10**9:\n"),
            ("integrations/retries.py", "table[tries - 1]", "table[(tries - 1) % len(table)]"),
        ),
    ),
    Off(
        "tests/faults/test_clock.py::test_a_clock_that_jumps_during_a_call_makes_no_second_contact",
        "who holds the fence may settle, however late",
        (
            (
                "integrations/outbox.py",
                "'confirming') RETURNING id\"",
                "'confirming') AND d.lease_until > '\" + str(db_now())[:26] + \"' RETURNING id\"",
            ),
        ),
    ),
    Off(
        "tests/faults/test_clock.py::test_a_clock_that_went_back_holds_work_up_only_until_it_has_caught_up",
        "a lease is a time, not a lock for ever",
        (("integrations/drain.py", "deliveries.recover_lapsed(connector)", "pass"),),
    ),
    Off(
        "tests/faults/test_clock.py::test_a_clock_that_jumps_all_the_time_loses_nothing",
        "due and lease times are compared with the clock that wrote them",
        (
            (
                "integrations/outbox.py",
                "            now = db_now()\n            ready = self",
                "            now = datetime.now().astimezone()\n            ready = self",
            ),
        ),
    ),
    Off(
        "tests/faults/test_races.py::test_a_capture_after_any_statement_of_the_drainer_is_told_too",
        "a lead is read before its enquiries, and those only up to its revision",
        (
            (
                "leads/subjects.py",
                "    enquiries = _enquiries(told, {lead.pk: lead.revision for lead in leads})\n",
                "    enquiries = _enquiries(told, {lead.pk: lead.revision for lead in leads})\n"
                "    leads = list(Lead.objects.filter(pk__in=told))\n",
            ),
        ),
    ),
    Off(
        "tests/faults/test_interleaving.py::test_a_claim_passes_over_what_an_open_capture_has_joined_and_then_sees_it",
        "joining locks the row that is joined",
        (("integrations/outbox.py", "DO UPDATE SET operation = excluded.operation", "DO NOTHING"),),
        postgresql=True,
    ),
    Off(
        "tests/faults/test_interleaving.py::test_a_capture_that_meets_a_claimed_delivery_makes_one_of_its_own",
        "only a waiting delivery can be joined",
        (
            (
                "integrations/outbox.py",
                "subject_id, operation) WHERE state = 'waiting' \"",
                "subject_id, operation) WHERE state IN ('waiting', 'sending') \"",
            ),
            (
                "integrations/migrations/0001_initial.py",
                "condition=models.Q(('state', 'waiting')), fields=('connector', 'subject_kind'",
                "condition=models.Q(state__in=['waiting', 'sending']), fields=('connector', 'subject_kind'",
            ),
        ),
        postgresql=True,
    ),
    Off(
        "tests/faults/test_interleaving.py::test_a_capture_changes_nothing_of_the_delivery_it_joins",
        "joining takes the row's lock and nothing else",
        (
            (
                "integrations/outbox.py",
                "DO UPDATE SET operation = excluded.operation",
                "DO UPDATE SET operation = excluded.operation, due_at = excluded.due_at",
            ),
        ),
        postgresql=True,
    ),
    Off(
        "tests/faults/test_interleaving.py::test_two_claims_at_once_take_different_rows",
        "a claim passes over locked rows",
        (("integrations/outbox.py", "select_for_update(skip_locked=True, of=", "select_for_update(of="),),
        postgresql=True,
    ),
    Off(
        "tests/faults/test_broker.py::test_a_broker_that_stands_still_holds_up_no_capture",
        "a request never talks to the broker",
        (("runtime/wakeups.py", "lambda: current().put(kind, id)", "lambda: current().actor.send(kind, id)"),),
        broker=True,
    ),
    Off(
        "tests/faults/test_broker.py::test_a_broker_that_stands_still_holds_up_no_delivery",
        "the clock doesn't wait for a hint to be sent",
        (
            (
                "runtime/wakeups.py",
                "            self.send(kind, id)\n        else:\n            self._put(kind, id)",
                "            self.send(kind, id)\n        else:\n            self.send(kind, id)",
            ),
        ),
        broker=True,
    ),
    Off(
        "tests/faults/test_broker.py::test_a_broker_that_stands_still_holds_up_no_delivery",
        "the clock does what its broker takes long over",
        (("runtime/wakeups.py", " and time.monotonic() - self._sending_since < _PATIENCE_SECONDS", ""),),
        broker=True,
    ),
    Off(
        "tests/faults/test_broker.py::test_without_a_broker_leads_are_taken_as_before_and_delivered",
        "the clock runs what it can't announce",
        (("runtime/worker.py", "self._without_broker.submit(_run_without_broker, kind, id)", "pass"),),
        broker=True,
    ),
    Off(
        "tests/faults/test_broker.py::test_a_hint_that_is_lost_is_not_missed",
        "the clock finds due work that nobody announced",
        (("runtime/worker.py", "self._announce(kind.name, id, ticks)", "pass"),),
        broker=True,
    ),
    Off(
        "tests/faults/test_database.py::test_a_database_that_crashes_under_load_loses_nothing_that_was_accepted",
        "the clock outlives a database that doesn't answer",
        (("runtime/worker.py", "except DatabaseError as err:", "except ZeroDivisionError as err:"),),
        postgresql=True,
    ),
    Off(
        "tests/faults/test_rotation.py::test_secrets_are_sealed_anew_under_load_and_a_killed_rotation_goes_on",
        "each row is sealed anew by itself",
        (
            (
                "config/management/commands/rotate_secrets.py",
                "                count += sum(rotation.rotate())\n",
                "                from django.db import transaction\n"
                "                with transaction.atomic():\n"
                "                    count += sum(rotation.rotate())\n",
            ),
        ),
    ),
]
