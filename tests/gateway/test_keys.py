import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway import keys

KINDS = st.sampled_from(["secret", "publishable"])


@given(KINDS)
def test_a_generated_key_is_recognised(kind):
    text = keys.generate(kind)
    parsed = keys.parse(text)
    assert parsed.kind == kind
    assert text.startswith(parsed.prefix)
    assert parsed.digest == keys.digest(text)


@given(KINDS, st.data())
def test_one_wrong_character_is_noticed(kind, data):
    text = keys.generate(kind)
    place = data.draw(st.integers(len("sb_sk_"), len(text) - 1))
    wrong = data.draw(st.sampled_from(keys.ALPHABET.replace(text[place], "")))
    with pytest.raises(keys.MistypedKey):
        keys.parse(text[:place] + wrong + text[place + 1 :])


@given(KINDS, st.data())
def test_swapped_neighbours_are_noticed(kind, data):
    text = keys.generate(kind)
    place = data.draw(st.integers(len("sb_sk_"), len(text) - 2))
    swapped = text[:place] + text[place + 1] + text[place] + text[place + 2 :]
    if swapped != text:
        with pytest.raises(keys.MistypedKey):
            keys.parse(swapped)


@given(st.text(max_size=60))
def test_any_other_text_is_no_key(text):
    with pytest.raises(keys.MistypedKey):
        keys.parse(text)


def test_the_kind_is_part_of_the_checksum():
    with pytest.raises(keys.MistypedKey):
        keys.parse(keys.generate("secret").replace("sb_sk_", "sb_pk_"))


def test_a_line_end_does_not_slip_through():
    with pytest.raises(keys.MistypedKey):
        keys.parse(keys.generate("secret") + "\n")


def test_what_logs_show_leaves_128_bits_unknown():
    text = keys.generate("secret")
    hidden = len(text) - len(keys.parse(text).prefix) - 6
    assert 62**hidden > 2**128


def test_keys_do_not_repeat():
    assert len({keys.generate("secret") for _ in range(1000)}) == 1000


def test_a_key_does_not_show_itself():
    assert repr(keys.generate("secret")) == "***"


def test_a_key_is_found_in_an_address():
    text = keys.generate("secret")
    assert keys.find_in(f"/v1/leads?key={text}&x=1") == text
    assert keys.find_in("/v1/leads?key=sb_sk_short") is None
