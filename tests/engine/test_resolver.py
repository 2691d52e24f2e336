import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine import starter
from engine.resolver import ANSWER_FROM, SUGGEST_FROM, Candidate, LexicalResolver

CANDIDATES = tuple(
    Candidate(
        intent.name,
        (*intent.examples, intent.label, *((question for question, _ in starter.FAQS) if intent.name == "faq" else ())),
    )
    for intent in starter.INTENTS
)


def best(prompt):
    matches = LexicalResolver().resolve(prompt, CANDIDATES)
    return (matches[0].intent, matches[0].confidence) if matches else (None, 0.0)


@pytest.mark.parametrize(
    ("prompt", "intent"),
    [
        ("Check order status", "order_status"),
        ("check ORDER status!!", "order_status"),
        ("chek my ordr status", "order_status"),
        ("Hi, can you please check my order status?", "order_status"),
        ("Where's my parcel?", "order_status"),
        ("track my package please", "order_status"),
        ("Do you have it in stock?", "stock"),
        ("How long does shipping take?", "faq"),
        ("how long does the shipping take to Berlin", "faq"),
        ("can I return an article", "faq"),
        ("ｃｈｅｃｋ ｏｒｄｅｒ ｓｔａｔｕｓ", "order_status"),
    ],
)
def test_people_are_understood_in_their_own_words(prompt, intent):
    found, confidence = best(prompt)

    assert found == intent
    assert confidence >= ANSWER_FROM


@pytest.mark.parametrize(
    "prompt", ["What is the weather today?", "Tell me a joke", "asdf qwer", "", "!!!", "你好", "is it the", "🙂"]
)
def test_what_nobody_taught_is_not_even_suggested(prompt):
    assert best(prompt)[1] < SUGGEST_FROM


@pytest.mark.parametrize("prompt", ["I want to complain about my order", "stock exchange news of today"])
def test_a_half_fitting_prompt_is_not_answered(prompt):
    assert best(prompt)[1] < ANSWER_FROM


def test_accents_and_case_make_no_difference():
    candidates = (Candidate("statut", ("Où est ma commande ?",)), Candidate("other", ("Bonjour",)))

    [first, *_] = LexicalResolver().resolve("OU EST MA COMMANDE", candidates)

    assert (first.intent, first.confidence) == ("statut", 1.0)


def test_a_longer_prompt_around_an_example_is_less_sure_than_the_example():
    exact = best("Check order status")[1]
    longer = best("Check order status of the yellow submarine yesterday evening")[1]

    assert exact == 1.0
    assert longer < exact


def test_no_candidates_no_matches():
    assert LexicalResolver().resolve("Check order status", ()) == []


def test_a_long_prompt_costs_little():
    best("warm up")
    started = time.thread_time()

    best(" ".join(f"w{chr(97 + n % 26)}{chr(97 + n // 26)}rds" for n in range(330))[:2_000])

    assert time.thread_time() - started < 0.25


@given(st.text(max_size=200))
def test_a_confidence_is_between_nothing_and_certain(prompt):
    matches = LexicalResolver().resolve(prompt, CANDIDATES)

    assert all(0 < match.confidence <= 1 for match in matches)
    assert matches == sorted(matches, key=lambda match: (-match.confidence, match.intent))
