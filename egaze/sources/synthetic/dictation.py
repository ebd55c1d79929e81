"""The dictation of a radiograph, phrase by phrase, as in transcript.json. All text is invented."""

from __future__ import annotations

import numpy as np

from egaze.sources.synthetic.rows import SheetRow
from egaze.sources.synthetic.scanpath import Scanpath

# The phrases for columns of the master sheet that are 1.
_PHRASES = {
    "enlarged_cardiac_silhouette": ("the heart is enlarged", "the cardiac silhouette is enlarged"),
    "vascular_redistribution": ("the upper zone vessels are prominent", "there is cephalization"),
    "pulmonary_edema__hazy_opacity": ("hazy opacity about both hila", "findings suggest pulmonary edema"),
    "pleural_effusion_or_thickening": ("blunting of the costophrenic angle", "there is a pleural effusion"),
    "consolidation": ("there is a focal opacity", "there is consolidation, likely pneumonia"),
    "linear__patchy_atelectasis": ("linear bands at the base", "patchy atelectasis at the base"),
    "normal_anatomically": ("the lungs are clear", "no focal opacity, no effusion"),
}
_OPENING = ("single frontal view of the chest", "frontal view of the chest")
_CLOSING = ("the bones are intact", "no pneumothorax", "otherwise unremarkable")
_WORD_S = 0.36  # the duration of a word


def dictate(sheet_row: SheetRow, scanpath: Scanpath, rng: np.random.Generator) -> dict[str, object]:
    """A transcript on the clock of the reading; sometimes the recogniser takes a pause for a phrase without words."""
    spoken = [_one(_OPENING, rng)]
    spoken += [_one(phrases, rng) for column, phrases in _PHRASES.items() if sheet_row.get(column) == 1]
    spoken.append(_one(_CLOSING, rng))
    if rng.random() < 0.15:
        spoken.insert(int(rng.integers(1, len(spoken))), "")
    end_of_reading_s = float(scanpath.onset_s[-1] + scanpath.duration_s[-1])
    lengths_s = np.array([_WORD_S * max(len(phrase.split()), 1) for phrase in spoken]) * rng.uniform(0.8, 1.2)
    room_s = max(end_of_reading_s - lengths_s.sum(), 0.5)
    pauses_s = room_s * rng.dirichlet(np.ones(len(spoken) + 1))[:-1]
    begins_s = np.cumsum(pauses_s) + np.concatenate([[0.0], np.cumsum(lengths_s)[:-1]])
    stamped = [
        {"phrase": phrase, "begin_time": round(float(begin_s), 2), "end_time": round(float(begin_s + length_s), 2)}
        for phrase, begin_s, length_s in zip(spoken, begins_s, lengths_s, strict=True)
    ]
    return {"full_text": ". ".join(phrase for phrase in spoken if phrase) + ".", "time_stamped_text": stamped}


def _one(phrases: tuple[str, ...], rng: np.random.Generator) -> str:
    return phrases[int(rng.integers(len(phrases)))]
