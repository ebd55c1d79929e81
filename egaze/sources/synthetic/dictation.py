"""What the reader says over a radiograph, phrase by phrase, as transcript.json holds it. All invented."""

from __future__ import annotations

import numpy as np

from egaze.sources.synthetic.reader import Scanpath
from egaze.sources.synthetic.rows import SheetRow

# Columns of the master sheet and what is said when they are 1.
_SAID = {
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
_WORD_S = 0.36  # a word takes this long


def dictate(sheet_row: SheetRow, scanpath: Scanpath, rng: np.random.Generator) -> dict[str, object]:
    """A transcript on the clock of the reading; now and then the recogniser heard a pause as a phrase without words."""
    phrases = [_one(_OPENING, rng)]
    phrases += [_one(said, rng) for column, said in _SAID.items() if sheet_row.get(column) == 1]
    phrases.append(_one(_CLOSING, rng))
    if rng.random() < 0.15:
        phrases.insert(int(rng.integers(1, len(phrases))), "")
    end_of_reading_s = float(scanpath.onset_s[-1] + scanpath.duration_s[-1])
    lengths_s = np.array([_WORD_S * max(len(phrase.split()), 1) for phrase in phrases]) * rng.uniform(0.8, 1.2)
    room_s = max(end_of_reading_s - lengths_s.sum(), 0.5)
    pauses_s = room_s * rng.dirichlet(np.ones(len(phrases) + 1))[:-1]
    begins_s = np.cumsum(pauses_s) + np.concatenate([[0.0], np.cumsum(lengths_s)[:-1]])
    stamped = [
        {"phrase": phrase, "begin_time": round(float(begin_s), 2), "end_time": round(float(begin_s + length_s), 2)}
        for phrase, begin_s, length_s in zip(phrases, begins_s, lengths_s, strict=True)
    ]
    return {"full_text": ". ".join(phrase for phrase in phrases if phrase) + ".", "time_stamped_text": stamped}


def _one(said: tuple[str, ...], rng: np.random.Generator) -> str:
    return said[int(rng.integers(len(said)))]
