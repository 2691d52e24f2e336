"""Enquiries in a text that a vendor keeps."""

from datetime import UTC, datetime

from integrations.providers.base import Enquiry
from integrations.providers.enquiries import added_as_html, added_as_text

AT = datetime(2026, 11, 26, 10, 0, tzinfo=UTC)


def test_what_is_sent_twice_stands_there_once_even_where_it_is_cleaned_up():
    enquiry = [Enquiry(AT, "It's <b>“red”</b> & round\nand new")]
    first = added_as_html("", enquiry)
    assert first == "<p>2026-11-26 10:00 UTC: It&#x27;s &lt;b&gt;“red”&lt;/b&gt; &amp; round<br>and new</p>"
    cleaned = first.replace("&#x27;", "'").replace("<br>", "<br/>\n")
    assert added_as_html(cleaned, enquiry) == cleaned
    assert added_as_html(cleaned, [Enquiry(AT, "More")]).startswith(cleaned)


def test_a_text_keeps_what_people_wrote_and_gets_each_enquiry_once():
    first = added_as_text("Called on Monday.", [Enquiry(AT, "In red?")])
    assert first == "Called on Monday.\n\n2026-11-26 10:00 UTC: In red?"
    assert added_as_text(first, [Enquiry(AT, "In red?")]) == first
