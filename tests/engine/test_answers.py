import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.answers import one_line, render

NAMES = ("number", "status", "tracking_number", "email")


def test_placeholders_are_filled_with_facts():
    text = render("Order {number} is {status}.", NAMES, {"number": "S00042", "status": "shipped"})

    assert text == "Order S00042 is shipped."


def test_a_sentence_whose_fact_is_not_known_is_left_out():
    template = "Order {number} is {status}. The tracking number is {tracking_number}. Bye!"

    assert render(template, NAMES, {"number": "1", "status": "confirmed"}) == "Order 1 is confirmed. Bye!"


@pytest.mark.parametrize(
    "template",
    [
        "{number.__class__}",
        "{0}",
        "{}",
        "{{number}",
        "{number!r}",
        "{number:>99}",
        "%(number)s",
        "{% now %}",
        "${x}",
        "{secret}",
    ],
)
def test_nothing_but_a_declared_name_in_braces_is_special(template):
    text = render(template, NAMES, {"number": "S00042", "secret": "not declared"})

    assert "not declared" not in text
    assert text == template.replace("{number}", "S00042")


@given(st.text(max_size=100), st.text(max_size=50))
def test_what_a_customer_typed_is_never_expanded(value, secret):
    text = render("{status}", NAMES, {"status": value + "{email}", "email": "SECRET" + secret})

    assert text == (value + "{email}").strip()


@given(st.text(alphabet="ab{}.!? \n_", max_size=200))
def test_a_text_without_declared_names_is_said_as_it_is(template):
    assert render(template, (), {}) == template.strip()


def test_a_price_or_an_address_does_not_end_a_sentence():
    template = "It costs 4.90 EUR at www.example.com for {number}. Bye."

    assert render(template, NAMES, {}) == "Bye."


def test_vendor_texts_become_one_line_without_control_characters():
    assert one_line("a\r\nSet-Cookie: x\x00\x1b[31m‮b") == "a Set-Cookie: x[31mb"
