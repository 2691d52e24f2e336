"""The checker itself: an honest world passes, one broken in any way is caught, named and blamed on the right lead."""

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.faults.history import History, World, check

EXPLAINED = {"deliveries": [{"state": "needs_you", "explanation": "The CRM refused it. Correct it."}]}
SILENT = {"deliveries": [{"state": "sending", "explanation": "Being sent now."}]}


def for_any(*strategies):
    """Run a test for a few dozen examples; small histories show what is to be shown."""
    return lambda test: settings(max_examples=30, deadline=None)(given(*strategies)(test))


class Vendor:
    """A world as it should be after a history, to be broken."""

    def __init__(self, history):
        self.effects, self.contacts, self.leads, self.unfinished, self.numbers = [], [], {}, {}, {}
        for capture in history.promised:
            known = self.contact(capture.email)
            sent = {"email": capture.email, "firstname": capture.first_name, "message": capture.text}
            operation = "update" if known else "create"
            self.effects.append({"operation": operation, "key": capture.email, "sent": sent})
            if known:
                known["properties"].update(sent)
            else:
                self.contacts.append({"id": str(len(self.contacts)), "properties": dict(sent)})
                self.numbers[capture.email] = {self.contacts[-1]["id"]}

    def contact(self, email):
        return next((row for row in self.contacts if row["properties"]["email"] == email), None)

    def forget(self, email):
        self.contacts = [row for row in self.contacts if row["properties"]["email"] != email]
        self.effects = [effect for effect in self.effects if effect["key"] != email]
        self.numbers.pop(email, None)

    def findings(self, history, **more):
        told = self.leads.get
        world = World(self.effects, self.contacts, lambda id: told(id, {}), self.unfinished, self.numbers)
        return {(finding.kind, finding.email) for finding in check(history, world, **more)}


@st.composite
def histories(draw):
    """Up to five people with up to four captures each, in any order; one at least was accepted."""
    history = History()
    people = [history.person() for _ in range(draw(st.integers(1, 5)))]
    for email in draw(st.permutations([email for email in people for _ in range(draw(st.integers(1, 4)))])):
        capture = history.sent(email)
        if draw(st.booleans()) or not history.promised:
            history.accepted(capture, f"lead of {email}")
    return history


@st.composite
def victims(draw):
    """A history, the world after it, and one accepted capture to do harm to."""
    history = draw(histories())
    return history, Vendor(history), draw(st.sampled_from(history.promised))


@for_any(histories())
def test_an_honest_world_has_no_findings(history):
    assert Vendor(history).findings(history) == set()


@for_any(histories(), st.data())
def test_what_was_never_accepted_may_have_arrived_all_the_same(history, data):
    unsure = [capture for capture in history.captures if not capture.accepted]
    for capture in unsure:
        if data.draw(st.booleans()):
            history.accepted(capture, "")
    vendor = Vendor(history)
    for capture in unsure:
        capture.accepted = False

    assert not {kind for kind, _ in vendor.findings(history)} & {"lost", "unexpected", "stale", "duplicated"}


@for_any(victims())
def test_a_lead_that_is_nowhere_is_lost_and_silent(victim):
    history, vendor, capture = victim
    vendor.forget(capture.email)

    assert vendor.findings(history) == {("lost", capture.email), ("silent", capture.email)}


@for_any(victims())
def test_a_lead_that_says_why_it_has_not_arrived_is_lost_but_not_silent(victim):
    history, vendor, capture = victim
    vendor.forget(capture.email)
    vendor.leads[capture.lead_id] = EXPLAINED

    assert vendor.findings(history) == {("lost", capture.email)}
    assert vendor.findings(history, held={capture.email}) == set()


@for_any(victims())
def test_a_lead_that_is_meant_to_wait_must_say_so(victim):
    history, vendor, capture = victim
    vendor.forget(capture.email)
    vendor.leads[capture.lead_id] = SILENT

    assert vendor.findings(history, held={capture.email}) == {("silent", capture.email)}


@for_any(victims())
def test_an_enquiry_that_arrived_in_no_upsert_is_lost(victim):
    history, vendor, capture = victim
    for effect in vendor.effects:
        effect["sent"] = {**effect["sent"], "message": effect["sent"]["message"].replace(capture.text, "")}

    assert ("lost", capture.email) in vendor.findings(history)


@for_any(victims())
def test_an_enquiry_that_was_overwritten_after_it_arrived_is_not_lost(victim):
    history, vendor, capture = victim
    vendor.contact(capture.email)["properties"]["message"] = "something a person wrote"

    assert vendor.findings(history) == set()


@for_any(victims())
def test_a_second_contact_is_a_duplicate(victim):
    history, vendor, capture = victim
    vendor.contacts.append(vendor.contact(capture.email))

    assert vendor.findings(history) == {("duplicated", capture.email)}


@for_any(victims())
def test_a_second_creation_is_a_duplicate_even_if_the_vendor_merged_it(victim):
    history, vendor, capture = victim
    created = next(effect for effect in vendor.effects if effect["key"] == capture.email)
    vendor.effects.append(created)

    assert ("duplicated", capture.email) in vendor.findings(history)


@for_any(victims())
def test_an_enquiry_told_twice_in_one_breath_is_a_duplicate(victim):
    history, vendor, capture = victim
    sent = {"message": f"{capture.text} {capture.text}"}
    vendor.effects.append({"operation": "update", "key": capture.email, "sent": sent})

    assert vendor.findings(history) == {("duplicated", capture.email)}


@for_any(victims())
def test_a_contact_nobody_sent_is_unexpected(victim):
    history, vendor, _ = victim
    vendor.contacts.append({"id": "9", "properties": {"email": "stranger@example.com", "firstname": "S"}})

    assert vendor.findings(history) == {("unexpected", "stranger@example.com")}


@for_any(victims())
def test_what_one_person_asked_in_another_ones_record_is_unexpected(victim):
    history, vendor, capture = victim
    other = history.sent(history.person())
    vendor.effects.append({"operation": "update", "key": capture.email, "sent": {"message": other.text}})

    assert vendor.findings(history) == {("unexpected", capture.email)}


@for_any(victims())
def test_an_older_name_at_the_vendor_is_stale(victim):
    history, vendor, _ = victim
    email = history.person()
    older, newer = history.sent(email), history.sent(email)
    for capture in (older, newer):
        history.accepted(capture, "lead")
    vendor = Vendor(history)
    vendor.contact(email)["properties"]["firstname"] = older.first_name

    assert vendor.findings(history) == {("stale", email)}


@for_any(victims())
def test_what_has_arrived_and_is_said_not_to_is_untrue(victim):
    history, vendor, capture = victim
    vendor.unfinished[capture.email] = {"needs_you"}

    assert vendor.findings(history) == {("untrue", capture.email)}
    assert vendor.findings(history, held={capture.email}) == set()


@for_any(victims())
def test_a_number_that_is_not_the_vendors_is_untrue(victim):
    history, vendor, capture = victim
    vendor.numbers[capture.email] = {"another"}

    assert vendor.findings(history) == {("untrue", capture.email)}
