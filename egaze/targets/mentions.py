"""When a reader named a class: its words among the dictated ones, without the mentions that deny it.

Sentences end at full stops, semicolons, colons, question and exclamation marks. A phrase of several words is a sentence
too, because transcripts by phrase often lack full stops, unless it breaks off after a word that goes on ("no", "or").

A mention is denied by the rules of NegEx (Chapman et al., Journal of Biomedical Informatics 34, 2001) in a short form:

- A word before it in the sentence denies it: `no`, `not`, `without`, `free of`, `resolution of` and the like, however
  far it is, unless a word that begins another clause lies between ("no effusion, but consolidation", "there is").
- Words up to five words after it deny it: `is absent`, `not seen`, `ruled out`, `has resolved` and the like.
- "no change in", "not excluded" and the like deny nothing.

What this cannot tell: doubt ("possible effusion" is a mention), history ("effusion on the prior radiograph"), a denial
that speaks of something else in the same clause ("no pneumothorax and a large effusion" denies both), sentences that
run into each other without a full stop, and other languages than English.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from egaze.sources import Phrase

_ENDS = {".", ";", ":", "!", "?"}
_DENIES = re.compile(
    r"\b(?:no|not|without|neither|nor|never|absence of|lack of|denies|negative for|free of|clear of|rules? out|"
    r"resolution of|clearing of|rather than)\b"
)
_DENIES_NOTHING = re.compile(
    r"\b(?:(?:no|not|without)(?: \w+){0,2} (?:changed?|increased?|decreased?|progression|improvement|improved)|"
    r"not (?:been |be )?(?:excluded|ruled out)|not (?:only|necessarily|certain))\b"
)
_NEXT_CLAUSE = re.compile(
    r"\b(?:but|however|although|though|except|apart from|aside from|otherwise|nevertheless|yet|there is|there are|"
    r"there s|because|due to|secondary to)\b"
)
_DENIES_AFTER = re.compile(
    r"^(?: \w+){0,4}? (?:absent|resolved|ruled out|excluded|(?:has|have) cleared|unlikely|"
    r"not(?: \w+)? (?:seen|identified|present|visuali[sz]ed|evident|appreciated|demonstrated|detected|noted|found))\b"
)
_NOT_EXCLUDED = re.compile(r"\b(?:cannot|can not|not)(?: \w+){0,2} (?:excluded|ruled out)\b")
_GOES_ON = re.compile(r"(?:^| )(?:no|not|without|nor|or|and|of|for|evidence of)$")
_GAP_WORDS = 3


@dataclass(frozen=True, slots=True)
class Mention:
    """A class named in the dictation, on the clock of the phrases.

    Attributes:
        class_name: the class.
        begin_s, end_s: from the beginning of the first of its words to the end of the last; of words that are timed as
            one phrase, the phrase.
    """

    class_name: str
    begin_s: float
    end_s: float


def find_mentions(phrases: Sequence[Phrase], terms: Mapping[str, Sequence[str]]) -> tuple[Mention, ...]:
    """The mentions of classes in a dictation that are not denied, by the rules of this module, in order of time.

    Args:
        phrases: the dictation in time order; phrases may be sentences or single words.
        terms: the terms of each class; see `egaze.targets.terms`.

    Example:
        >>> from egaze.sources import Phrase
        >>> from egaze.targets.mentions import find_mentions
        >>> from egaze.targets.terms import terms_of
        >>> said = [Phrase("no pneumothorax", 0.5, 1.5), Phrase("there is a small left effusion", 2.0, 4.0)]
        >>> find_mentions(said, {name: terms_of(name) for name in ("Pneumothorax", "Effusion")})
        (Mention(class_name='Effusion', begin_s=2.0, end_s=4.0),)
    """
    patterns = {name: pattern for name, of in terms.items() if (pattern := _pattern(tuple(of))) is not None}
    found = []
    for sentence in _sentences(phrases):
        text = " ".join(word for word, _ in sentence)
        begins = [match.start() for match in re.finditer(r"\S+", text)]
        denied = _denied_parts(text)
        for name, pattern in patterns.items():
            for match in pattern.finditer(text):
                if match.lastgroup == "other" or _is_denied(text, match, denied):
                    continue
                words = [
                    phrase
                    for (_, phrase), at in zip(sentence, begins, strict=True)
                    if match.start() <= at < match.end()
                ]
                found.append(Mention(name, words[0].begin_s, max(word.end_s for word in words)))
    return tuple(sorted(found, key=lambda mention: (mention.begin_s, mention.class_name)))


def _sentences(phrases: Sequence[Phrase]) -> Iterator[list[tuple[str, Phrase]]]:
    """The words of each sentence in lower case, each with the phrase that times it."""
    sentence: list[tuple[str, Phrase]] = []
    for phrase in phrases:
        words = re.findall(r"[^\W_]+|[.;:!?](?=\s|$)", phrase.text.lower())
        for word in words:
            if word not in _ENDS:
                sentence.append((word, phrase))
            elif sentence:
                yield sentence
                sentence = []
        if len(words) > 1 and sentence and not _GOES_ON.search(" ".join(word for word, _ in sentence[-2:])):
            yield sentence
            sentence = []
    if sentence:
        yield sentence


@lru_cache(maxsize=512)
def _pattern(terms: tuple[str, ...]) -> re.Pattern[str] | None:
    """What matches a term in a sentence; the group "other" matches what is not the class."""
    kinds: dict[str, list[str]] = {"other": [], "term": []}
    for term in sorted(terms, key=len, reverse=True):
        kinds["other" if term.startswith("!") else "term"].append(_expression(term.removeprefix("!")))
    groups = [f"(?P<{kind}>{'|'.join(of)})" for kind, of in kinds.items() if of]
    return re.compile(rf"\b(?:{'|'.join(groups)})\b") if kinds["term"] else None


def _expression(term: str) -> str:
    expression = ""
    for word in term.lower().split():
        if word == "...":
            expression += rf"(?: \w+){{0,{_GAP_WORDS}}}?"
        else:
            stem = word.removesuffix("*")
            expression += (" " if expression else "") + re.escape(stem) + (r"\w*" if stem != word else "")
    return expression


def _denied_parts(text: str) -> list[tuple[int, int]]:
    """The parts of a sentence that words before them deny: from each such word to the next clause."""
    harmless = [match.span() for match in _DENIES_NOTHING.finditer(text)]
    clauses = [match.start() for match in _NEXT_CLAUSE.finditer(text)]
    parts = []
    for match in _DENIES.finditer(text):
        if not any(begin <= match.start() < end for begin, end in harmless):
            parts.append((match.end(), min((at for at in clauses if at >= match.end()), default=len(text))))
    return parts


def _is_denied(text: str, mention: re.Match[str], denied: Sequence[tuple[int, int]]) -> bool:
    if any(begin <= mention.start() < end for begin, end in denied):
        return True
    clause = text[mention.end() :]
    if (after := _NEXT_CLAUSE.search(clause)) is not None:
        clause = clause[: after.start()]
    return bool(_DENIES_AFTER.search(clause)) and not _NOT_EXCLUDED.search(clause)
