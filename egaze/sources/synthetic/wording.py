"""The text of a master sheet: typed indications and coded diagnoses, all invented."""

from __future__ import annotations

import numpy as np

from egaze.sources.synthetic.disease import CHF, NORMAL, PNEUMONIA

_COMPLAINTS = {
    NORMAL: (
        "chest pain",
        "cough",
        "pre-operative radiograph",
        "fall, rule out fracture",
        "palpitations",
        "dizziness",
    ),
    CHF: (
        "shortness of breath",
        "leg swelling",
        "orthopnea",
        "weight gain",
        "dyspnea on exertion",
        "chest pain",
    ),
    PNEUMONIA: (
        "fever and cough",
        "productive cough",
        "shortness of breath",
        "pleuritic pain",
        "chills",
        "hypoxia",
    ),
}
_QUESTIONS = (
    "please evaluate",
    "acute process?",
    "interval change?",
    "rule out infiltrate",
    "eval for edema, effusion",
)
# (code, words); codes are from the ninth or tenth revision of the ICD, as in the original.
_DIAGNOSES = {
    NORMAL: (("78650", "CHEST PAIN NOS"), ("R079", "Chest pain, unspecified"), ("7804", "DIZZINESS")),
    CHF: (("4280", "CHF NOS"), ("I509", "Heart failure, unspecified"), ("42823", "AC ON CHR SYST HRT FAIL")),
    PNEUMONIA: (("486", "PNEUMONIA, ORGANISM NOS"), ("J189", "Pneumonia, unspecified"), ("4829", "BACT PNEUM")),
}  # fmt: skip
_ALONGSIDE = (
    ("4019", "HYPERTENSION NOS"),
    ("I10", "Essential (primary) hypertension"),
    ("25000", "DMII WO CMP NT ST UNCNTR"),
    ("E785", "Hyperlipidemia, unspecified"),
    ("42731", "ATRIAL FIBRILLATION"),
    ("5849", "ACUTE KIDNEY FAILURE NOS"),
    ("3051", "TOBACCO USE DISORDER"),
)


def indication(rng: np.random.Generator, label: str, female: bool) -> str:
    """The free text of a request; about a third contain line breaks, and some contain quotes."""
    complaints = _COMPLAINTS[label]
    complaint = complaints[int(rng.integers(len(complaints)))]
    question = _QUESTIONS[int(rng.integers(len(_QUESTIONS)))]
    person = f"___-year-old {'woman' if female else 'man'}"
    style = rng.random()
    if style < 0.32:
        return f"HISTORY:  {complaint},\n\n{question}"
    if style < 0.40:
        return f'{person} with "{complaint}"; {question}'
    if style < 0.5:
        return complaint.capitalize()
    return f"{person} with {complaint}.  // {question}"


def diagnoses(rng: np.random.Generator, label: str) -> list[tuple[str, str]]:
    """One to six (words, code) pairs, beginning with that of the class."""
    own = _DIAGNOSES[label]
    first = own[int(rng.integers(len(own)))]
    more = [_ALONGSIDE[place] for place in rng.permutation(len(_ALONGSIDE))[: int(rng.integers(0, 6))]]
    return [(words, code) for code, words in (first, *more)]
