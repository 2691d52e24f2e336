"""What Odoo is told of leads and subscribers, and in which order."""

from datetime import UTC, datetime

import pytest

from integrations.mapping import map_fields
from integrations.providers import errors
from integrations.providers.base import Contact, Enquiry, Outcome, Statement
from integrations.providers.odoo.provider import Odoo
from tests.integrations.providers.vendors import Vendor, says

AT = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)
ANNA = {"id": "lead-1", "email": "anna@example.com", "first_name": "Anna", "phone": "+493012345678"}
CODE = "ShopBotly lead-1"
OURS = {"id": 7, "referred": CODE, "active": True, "probability": 10.0, "description": False, "name": "Enquiry"}
THEIRS = {**OURS, "id": 5, "referred": False, "contact_name": "Anna B.", "phone": False}
LIST = says(200, [{"id": 3, "name": "Newsletter"}])
SET_UP = {"mailing_list": "Newsletter"}
NO_APP = says(404, {"name": "werkzeug.exceptions.NotFound", "message": "the model 'crm.lead' does not exist"})


def contact(*messages, statement=None, **values):
    told = {**ANNA, **values}
    enquiries = [Enquiry(AT, message) for message in messages]
    return Contact(str(told["id"]), told, map_fields(Odoo.default_mapping, told), enquiries, statement=statement)


def agreed(*, is_confirmed=True):
    return contact(statement=Statement(granted=True, at=AT, is_confirmed=is_confirmed))


def methods(odoo):
    return [request.url.path.removeprefix("/json/2/") for request in odoo.requests]


def test_somebody_new_is_looked_for_before_a_lead_is_made():
    odoo = Vendor("odoo", says(200, []), says(200, [7]))
    assert odoo.provider.upsert([contact("Is it in stock?")]) == [Outcome.delivered("crm.lead/7")]
    assert methods(odoo) == ["crm.lead/search_read", "crm.lead/create"]
    looked, made = odoo.bodies()
    assert looked["domain"] == ["|", ["referred", "=", CODE], ["email_normalized", "=", "anna@example.com"]]
    assert looked["context"]["active_test"] is False
    [values] = made["vals_list"]
    assert (values["referred"], values["email_from"], values["contact_name"]) == (CODE, "anna@example.com", "Anna")
    assert values["description"] == "<p>2026-11-26 10:00 UTC: Is it in stock?</p>"
    # Odoo knows whether the company works with leads, or with opportunities alone.
    assert "type" not in values


def test_a_lead_of_ours_is_written_and_not_made_again():
    odoo = Vendor("odoo", says(200, [THEIRS, OURS]), says(200, True))
    assert odoo.provider.upsert([contact("Hello")]) == [Outcome.delivered("crm.lead/7")]
    assert methods(odoo)[1:] == ["crm.lead/write"]
    assert odoo.bodies()[1]["ids"] == [7]


def test_a_lead_that_people_entered_gets_what_it_lacks_and_nothing_else():
    odoo = Vendor("odoo", says(200, [THEIRS]), says(200, True))
    odoo.provider.upsert([contact("Hello", first_name="Mallory")])
    vals = odoo.bodies()[1]["vals"]
    assert vals["phone"] == "+493012345678"
    assert vals["referred"] == CODE
    assert "contact_name" not in vals
    assert "name" not in vals


@pytest.mark.parametrize("closed", [{"active": False}, {"probability": 100.0}])
def test_a_lead_that_is_lost_or_won_stays_so_and_a_new_question_is_a_new_one(closed):
    lead = {**OURS, **closed}
    odoo = Vendor("odoo", says(200, [lead]))
    assert odoo.provider.upsert([contact()]) == [Outcome.delivered("crm.lead/7")]
    assert methods(odoo) == ["crm.lead/search_read"]
    odoo = Vendor("odoo", says(200, [lead]), says(200, [8]))
    assert odoo.provider.upsert([contact("Again")]) == [Outcome.delivered("crm.lead/8")]


def test_a_write_that_is_not_affirmed_is_not_delivered():
    with pytest.raises(errors.RetryLater):
        Vendor("odoo", says(200, [OURS]), says(200, False)).provider.upsert([contact("Hello")])


def test_a_lead_deleted_between_search_and_write_is_looked_for_again():
    gone = says(404, {"name": "odoo.exceptions.MissingError", "message": "Record does not exist", "debug": "x"})
    with pytest.raises(errors.RetryLater):
        Vendor("odoo", says(200, [OURS]), gone).provider.upsert([contact("Hello")])


def test_who_is_forgotten_is_forgotten_everywhere_we_write():
    odoo = Vendor(
        "odoo", says(200, [OURS, THEIRS]), says(200, True), says(200, [{"id": 9}]), says(200, True), says(200, [])
    )
    assert odoo.provider.erase(contact()) == Outcome.delivered()
    unlinked = [body["ids"] for path, body in zip(methods(odoo), odoo.bodies(), strict=True) if "unlink" in path]
    assert unlinked == [[7, 5], [9]]


def test_a_contact_that_odoo_keeps_is_said_to_be_kept():
    outcome = Vendor("odoo", says(200, []), says(200, []), says(200, [{"id": 11}])).provider.erase(contact())
    assert (outcome.kind, outcome.reason) == ("rejected", "kept_there")


def test_a_wrong_address_is_not_taken_for_an_odoo_that_knows_nobody():
    page = says(404, b"<html>Not found</html>")
    for ask in (lambda odoo: odoo.erase(contact()), lambda odoo: odoo.unsubscribe([contact()])):
        with pytest.raises(errors.Misconfigured):
            ask(Vendor("odoo", page).provider)
        ask(Vendor("odoo", NO_APP).provider)


def test_who_agreed_is_put_on_the_list():
    odoo = Vendor("odoo", LIST, says(200, []), says(200, []), says(200, [9]), says(200, [1]), config=SET_UP)
    assert odoo.provider.subscribe([agreed()]) == [Outcome.delivered("mailing.contact/9")]
    assert odoo.bodies()[-1]["vals_list"] == [{"contact_id": 9, "list_id": 3}]


@pytest.mark.parametrize(
    ("person", "entry"),
    [
        ({"is_blacklisted": False}, {"opt_out": True}),
        ({"is_blacklisted": True}, {"opt_out": False}),
        ({"is_blacklisted": False}, {}),
    ],
)
def test_who_has_left_there_is_not_put_back(person, entry):
    answers = (LIST, says(200, [{"id": 9, **person}]), says(200, [{"id": 1, **entry}]))
    odoo = Vendor("odoo", *answers, config=SET_UP)
    assert odoo.provider.subscribe([agreed()]) == [Outcome.rejected("unsubscribed_there")]
    assert [path for path in methods(odoo) if path.endswith(("create", "write"))] == []


def test_whose_consent_is_not_sure_is_not_asked_for_and_not_written():
    odoo = Vendor("odoo", LIST, config=SET_UP)
    assert odoo.provider.subscribe([agreed(is_confirmed=False)]) == [Outcome.rejected("needs_double_opt_in")]
    assert odoo.requests == []


def test_who_withdrew_is_opted_out_wherever_the_address_stands():
    entries = says(200, [{"id": 1, "opt_out": False}, {"id": 2, "opt_out": True}, {"id": 4, "opt_out": False}])
    odoo = Vendor("odoo", LIST, entries, says(200, True), config=SET_UP)
    assert odoo.provider.unsubscribe([contact()]) == [Outcome.delivered()]
    assert (odoo.bodies()[-1]["ids"], odoo.bodies()[-1]["vals"]) == ([1, 4], {"opt_out": True})


def test_a_list_that_was_renamed_there_does_not_count_as_unsubscribed():
    with pytest.raises(errors.Misconfigured, match="mailing list"):
        Vendor("odoo", says(200, []), config=SET_UP).provider.unsubscribe([contact()])


def test_only_what_can_be_read_is_promised_by_a_connection_test():
    user, some = says(200, {"uid": 2}), says(200, [{"id": 1}])
    no_field = says(500, {"name": "builtins.ValueError", "message": "Invalid field 'free_qty' on 'product.product'"})
    odoo = Vendor("odoo", user, no_field, some, NO_APP, some)
    assert odoo.provider.check().words == "Connected to Odoo as user 2, who can read orders, mailing lists."
    with pytest.raises(errors.Misconfigured, match="may read neither"):
        Vendor("odoo", user, NO_APP).provider.check()


def test_fields_are_those_of_leads_without_relations_and_ours():
    described = {
        "name": {"type": "char", "string": "Opportunity", "required": True, "size": 80},
        "type": {
            "type": "selection",
            "required": True,
            "selection": [["lead", "Lead"], ["opportunity", "Opportunity"]],
        },
        "user_id": {"type": "many2one", "string": "Salesperson"},
        "email_from": {"type": "char"},
        "referred": {"type": "char"},
        "date_closed": {"type": "datetime", "readonly": True},
    }
    fields = {field.name: field for field in Vendor("odoo", says(200, described)).provider.fields()}
    assert sorted(fields) == ["date_closed", "name", "type"]
    assert (fields["name"].is_required, fields["name"].max_length) == (True, 80)
    assert (fields["type"].is_required, fields["type"].options) == (False, ("lead", "opportunity"))
    assert fields["date_closed"].is_read_only


def test_a_page_of_articles_says_where_the_next_begins():
    full = [{"id": number, "default_code": "A", "sale_ok": True, "free_qty": 2.0} for number in range(1, 101)]
    odoo = Vendor("odoo", says(200, full), says(200, []))
    page = odoo.provider.products()
    assert (page.next_cursor, page.items[0].available) == ("100", 2)
    odoo.provider.products(page.next_cursor)
    assert odoo.bodies()[1]["domain"][-1] == ["id", ">", 100]
