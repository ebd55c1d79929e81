"""Which dictated words name a class, and which deny it."""

import pytest

from egaze.sources import Phrase
from egaze.sources.reflacx.labels import FINDINGS
from egaze.targets.mentions import find_mentions
from egaze.targets.terms import TERMS, is_term, plain, terms_of

NAMES = ("Effusion", "Pneumothorax", "Cardiomegaly", "Consolidation", "Edema")


def said(*texts, names=NAMES, **more):
    """The mentions in phrases of one second each."""
    phrases = [Phrase(text, float(at), at + 1.0) for at, text in enumerate(texts)]
    return find_mentions(phrases, {name: terms_of(name, more.get(name, ())) for name in names})


def names(*texts, **options):
    return [mention.class_name for mention in said(*texts, **options)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("There is a small left EFFUSION.", ["Effusion"]),
        ("bilateral effusions and pulmonary oedema", ["Edema", "Effusion"]),
        ("the heart is mildly enlarged", ["Cardiomegaly"]),
        ("blunting of the left costophrenic angle", ["Effusion"]),
        ("the lungs are clear", []),
        ("pericardial effusion", []),
        ("air-space opacity", ["Consolidation"]),
        ("possible effusion", ["Effusion"]),
    ],
)
def test_terms(text, expected):
    assert names(text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no effusion", []),
        ("no focal consolidation, effusion, or pneumothorax", []),
        ("without evidence of pulmonary edema", []),
        ("no effusion but consolidation", ["Consolidation"]),
        ("without edema there is effusion", ["Effusion"]),
        ("no pneumothorax. effusion", ["Effusion"]),
        ("effusion is not seen", []),
        ("the pneumothorax has resolved. there is edema", ["Edema"]),
        ("effusion has been ruled out", []),
        ("no change in the effusion", ["Effusion"]),
        ("no significant interval increase in effusion", ["Effusion"]),
        ("effusion cannot be excluded", ["Effusion"]),
        ("not only effusion but edema", ["Edema", "Effusion"]),
        ("nodular", []),  # "no" must be a word
        ("no pneumothorax and a large effusion", []),  # a limit of the rule, on the side that does not teach
    ],
)
def test_denied_mentions_are_none(text, expected):
    assert names(text) == expected


def test_words_and_phrases_are_timed_alike():
    """By the word, the mention has the times of its words; by the phrase, those of the phrase."""
    text = "no effusion . blunting of the left costophrenic angle . heart is large"
    (mention,) = said(*text.split())
    assert (mention.class_name, mention.begin_s, mention.end_s) == ("Effusion", 3.0, 8.0)
    (mention,) = said("no pneumothorax", "a small effusion on the left")
    assert (mention.class_name, mention.begin_s, mention.end_s) == ("Effusion", 1.0, 2.0)


def test_a_phrase_that_breaks_off_goes_on():
    assert names("there is no evidence of", "effusion") == []
    assert names("no pneumothorax or", "effusion", "consolidation") == []
    assert names("no pneumothorax seen here", "effusion") == ["Effusion"]


def test_more_terms_and_a_class_without_a_table():
    assert names("water in the pleural space", Effusion=("water ... pleural",)) == ["Effusion"]
    assert names("an odd shadow", names=("odd_Shadow",)) == ["odd_Shadow"]
    assert names("normal, no finding, clear", names=("normal", "No Finding")) == []


def test_the_table_is_sound():
    assert all(plain(name) == name for name in TERMS)
    assert all(is_term(term) for terms in TERMS.values() for term in terms)
    assert not any(is_term(term) for term in ("", "!", "*", "... effusion", "effusion ...", "effusion.", "a*b"))
    # A finding of REFLACX, spoken, names itself.
    for finding in {name for phase in FINDINGS.values() for name in phase}:
        assert finding in names(f"there is {finding}", names=(finding,))
