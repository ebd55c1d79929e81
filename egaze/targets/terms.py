"""The words that name a class, for telling when a reader dictated it.

A term is one or more words, in any case: `pleural fluid`. A word that ends in `*` stands for all words that begin so,
`...` for up to three words, and a term that begins with `!` names something else: what it covers is no mention.

The table has the findings of CheXpert, MIMIC-CXR, NIH ChestX-ray14, VinDr-CXR and REFLACX, and the classes of EGD-CXR.
A class is named by its own name too, and one that the table lacks by that alone. A class that means that nothing was
found has no term, because it is told by what is not said.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

_AIRWAYS = ("airway* ... thicken*", "thickening ... airway*", "bronchial wall thickening", "peribronchial*")
_AORTA = (
    "aort* ... enlarged", "enlarged aort*", "aort* ... dilat*", "dilat* aort*", "aort* ... ectatic", "ectatic aort*",
    "aneurysm*",
)  # fmt: skip
_ATELECTASIS = ("atelecta*", "volume loss", "collapse*")
_CONSOLIDATION = ("consolidat*", "airspace opaci*", "air space opaci*", "airspace disease", "air bronchogram*")
_EDEMA = (
    "edema*", "oedema*", "vascular congestion", "pulmonary congestion", "cephalization", "cephalisation",
    "kerley", "vascular redistribution", "!soft tissue edema", "!subcutaneous edema",
)  # fmt: skip
_EFFUSION = (
    "effusion*", "pleural fluid", "blunting ... costophrenic", "blunted ... costophrenic",
    "costophrenic ... blunted", "costophrenic ... blunting", "!pericardial effusion*",
)  # fmt: skip
_LARGE_HEART = (
    "cardiomegaly", "cardiac enlargement", "enlarged heart", "enlarged cardiac", "heart ... enlarged",
    "enlargement ... heart", "enlargement ... cardiac silhouette", "cardiac silhouette ... enlarged", "large heart",
    "enlarged cardiomediastinal silhouette", "cardiomediastinal silhouette ... enlarged",
)  # fmt: skip
_WIDE_MEDIASTINUM = (
    "enlarged cardiomediastin*", "cardiomediastin* ... enlarged", "widened mediastinum", "wide mediastinum",
    "mediastin* ... widen*", "widening ... mediastin*", "mediastinal contour ... abnormal",
    "abnormal mediastinal contour",
)  # fmt: skip
_HILUM = (
    "enlarged hil*",
    "hil* ... enlarged",
    "hil* enlargement",
    "hilar prominence",
    "prominent hil*",
    "enlargement ... hil*",
)
_HYPERINFLATION = (
    "emphysema*", "hyperinflat*", "hyperexpan*", "hyperlucen*", "high lung volume*", "copd", "!subcutaneous emphysema*",
)  # fmt: skip
_INTERSTITIAL = (
    "interstitial lung disease", "interstitial disease", "interstitial pattern", "interstitial thickening",
    "interstitial markings", "reticul*",
)  # fmt: skip
_MASS = ("mass", "masses")
_NODULE = ("nodule*", "nodular*")
_OPACITY = ("opaci*", "haziness", "infiltrat*", "airspace disease")
_GROUNDGLASS = ("groundglass", "ground glass", "hazy opaci*", "hazy")
_PLEURA = (
    "pleural thickening",
    "pleural scar*",
    "thickening ... pleura",
    "thickened pleura",
    "pleural plaque*",
    "apical cap*",
)
_PNEUMONIA = ("pneumonia*", "infectious process", "infection*")
_PNEUMOTHORAX = ("pneumothora*", "hydropneumothora*")
_FRACTURE = ("fracture*",)
_DEVICES = (
    "tube*", "catheter*", "pacemaker*", "picc", "port", "lead", "leads", "wire*", "clip*", "icd", "prosthe*", "drain*",
    "central line*", "venous line*", "picc line*", "endotracheal", "nasogastric", "hardware",
)  # fmt: skip

#: The terms of each class by its name in lower case, with single spaces in place of other characters.
TERMS: Mapping[str, tuple[str, ...]] = {
    "abnormal mediastinal contour": _WIDE_MEDIASTINUM,
    "acute fracture": _FRACTURE,
    "airway wall thickening": _AIRWAYS,
    "airspace opacity": (*_OPACITY, *_CONSOLIDATION),
    "aortic enlargement": _AORTA,
    "atelectasis": _ATELECTASIS,
    "calcification": ("calcif*",),
    "cardiomegaly": _LARGE_HEART,
    "chf": (*_EDEMA, *_EFFUSION, *_LARGE_HEART, "pleural abnormality", "heart failure", "chf"),
    "clavicle fracture": ("clavic* ... fracture*", "fracture* ... clavic*"),
    "consolidation": _CONSOLIDATION,
    "copd": _HYPERINFLATION,
    "edema": _EDEMA,
    "effusion": _EFFUSION,
    "emphysema": _HYPERINFLATION,
    "enlarged cardiac silhouette": _LARGE_HEART,
    "enlarged cardiomediastinum": (*_WIDE_MEDIASTINUM, "enlargement ... cardiomediastin*"),
    "enlarged hilum": _HILUM,
    "enlarged pa": ("pulmonary arter* ... enlarged", "enlarged pulmonary arter*", "enlarged pa"),
    "fibrosis": ("fibro*", "scar*"),
    "fracture": _FRACTURE,
    "groundglass opacity": _GROUNDGLASS,
    "hernia": ("hernia*",),
    "hiatal hernia": ("hernia*",),
    "high lung volume emphysema": _HYPERINFLATION,
    "ild": (*_INTERSTITIAL, "ild"),
    "infiltration": ("infiltrat*", "opaci*"),
    "interstitial lung disease": (*_INTERSTITIAL, "ild"),
    "lung cavity": ("cavit*",),
    "lung cyst": ("cyst", "cysts", "cystic", "bulla*", "bleb*"),
    "lung lesion": (*_MASS, *_NODULE, "lesion*"),
    "lung nodule or mass": (*_MASS, *_NODULE),
    "lung opacity": (*_OPACITY, *_CONSOLIDATION, *_GROUNDGLASS),
    "lung tumor": ("tumor*", "tumour*", "neoplas*", "malignan*", *_MASS),
    "mass": _MASS,
    "mediastinal shift": ("mediastin* ... shift*", "shift ... mediastin*", "mediastinal shift"),
    "no finding": (),
    "nodule": _NODULE,
    "nodule mass": (*_MASS, *_NODULE),
    "normal": (),
    "pleural abnormality": (*_EFFUSION, *_PLEURA),
    "pleural effusion": _EFFUSION,
    "pleural other": _PLEURA,
    "pleural thickening": _PLEURA,
    "pneumonia": (*_PNEUMONIA, *_CONSOLIDATION, *_OPACITY, *_GROUNDGLASS),
    "pneumothorax": _PNEUMOTHORAX,
    "pulmonary edema": _EDEMA,
    "pulmonary fibrosis": ("fibro*", "scar*"),
    "rib fracture": ("rib* ... fracture*", "fracture* ... rib*"),
    "support devices": _DEVICES,
    "tuberculosis": ("tuberculo*", "tb"),
    "wide mediastinum": _WIDE_MEDIASTINUM,
}  # fmt: skip


def plain(name: str) -> str:
    """A name in lower case, with single spaces in place of all but letters and digits."""
    return " ".join(re.findall(r"[^\W_]+", name.lower()))


def terms_of(class_name: str, more: Sequence[str] = ()) -> tuple[str, ...]:
    """The terms of a class: those of the table and its own name, unless nothing names it, and `more`."""
    name = plain(class_name)
    named = TERMS.get(name, (name,))
    return (*dict.fromkeys((*named, name) if named else ()), *more)


def is_term(term: str) -> bool:
    """Whether a text can be a term."""
    words = term.removeprefix("!").split()
    ends = bool(words) and "..." not in (words[0], words[-1])
    return ends and all(
        word == "..." or plain(word.removesuffix("*")) == word.removesuffix("*").lower() != "" for word in words
    )
