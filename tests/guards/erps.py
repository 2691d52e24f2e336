"""Guards of ERPs: what is looked for before it is made, whose records are left alone, when nobody is there."""

from tests.guards import Off

_TESTS = "tests/integrations/providers"


def _off(guard: str, scenario: str, file: str, text: str, other: str) -> Off:
    return Off.by_one_change(guard, f"{_TESTS}/{scenario}", f"integrations/providers/{file}", text, other)


TRYTON = [
    _off(
        "stock is counted in the warehouse",
        "tryton/test_records.py::test_stock_is_asked_for_in_the_warehouse",
        "tryton/provider.py",
        'context = {"locations": self._places()}\n        found',
        "context = {}\n        self._places()\n        found",
    ),
    _off(
        "without a warehouse there is no 0 of everything",
        "tryton/test_records.py::test_without_a_warehouse_stock_is_not_said_to_be_none",
        "tryton/provider.py",
        "if not told:",
        "if False:",
    ),
    _off(
        "a party is looked for before it is made",
        "tryton/test_records.py::test_somebody_who_is_known_by_our_id_is_written_and_not_made_again",
        "tryton/provider.py",
        "found = self._parties(contact)\n        ours",
        "found = []\n        ours",
    ),
    _off(
        "a party that is only alike is somebody else",
        "tryton/test_records.py::test_somebody_elses_party_that_is_only_alike_is_not_taken",
        "tryton/records.py",
        'return is_ours(party, contact) or not contact.email or contact.email in values_of(party, "email")',
        "return True",
    ),
    _off(
        "a party that people keep is not written over",
        "tryton/test_records.py::test_a_party_that_people_keep_is_left_as_it_is",
        "tryton/provider.py",
        "if ours:",
        "if ours := ours or found:",
    ),
]

ODOO = [
    _off(
        "a lead is looked for before it is made",
        "odoo/test_leads.py::test_a_lead_of_ours_is_written_and_not_made_again",
        "odoo/provider.py",
        "lead, is_ours = leads.chosen(found, contact)",
        "lead, is_ours = None, False",
    ),
    _off(
        "a lead that people entered is not written over",
        "odoo/test_leads.py::test_a_lead_that_people_entered_gets_what_it_lacks_and_nothing_else",
        "odoo/leads.py",
        "if not is_ours:",
        "if False:",
    ),
    _off(
        "who has opted out there is not put back",
        "odoo/test_leads.py::test_who_has_left_there_is_not_put_back",
        "odoo/provider.py",
        'if has_left or any(person.get("is_blacklisted") is True for person in people):',
        "if False:",
    ),
    _off(
        "who may only have been typed in is not put on the list",
        "odoo/test_leads.py::test_whose_consent_is_not_sure_is_not_asked_for_and_not_written",
        "odoo/provider.py",
        "if not is_sure(contact, self.config):",
        "if False:",
    ),
    _off(
        "an error that comes with 200 is an error",
        "odoo/test_jsonrpc.py::test_errors_that_come_with_200_are_errors",
        "odoo/dialects.py",
        "if error is not None:",
        "if False:",
    ),
    _off(
        "an address that is no Odoo has not forgotten anybody",
        "odoo/test_leads.py::test_a_wrong_address_is_not_taken_for_an_odoo_that_knows_nobody",
        "odoo/api.py",
        "raise (NoModel if _NO_MODEL_SAID.fullmatch(message) else errors.Misconfigured)",
        "raise (NoModel)",
    ),
    Off.by_one_change(
        "nothing but the mark becomes the key",
        f"{_TESTS}/odoo/test_jsonrpc.py::test_nothing_but_the_mark_itself_becomes_the_key",
        "integrations/egress/session.py",
        "value is KEY_IN_BODY",
        "str(value)",
    ),
    Off.by_one_change(
        "no traceback of a vendor's is kept",
        f"{_TESTS}/odoo/test_sandbox.py::test_no_traceback_and_no_key_is_kept",
        "runtime/scrubbing.py",
        '    "debug",\n    "traceback",',
        "",
    ),
]

OFF = [*TRYTON, *ODOO]
