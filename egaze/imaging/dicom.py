"""DICOM radiographs: from stored values to grey values. Section numbers refer to DICOM PS3.3."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydicom.datadict import dictionary_description

from egaze.errors import RadiographError
from egaze.imaging import present
from egaze.imaging.dicom_elements import Header, read_header
from egaze.imaging.dicom_pixels import PHOTOMETRIC, Image, read_image
from egaze.imaging.present import Counts, Values
from egaze.imaging.radiograph import Presentation, StoredRadiograph

_MODALITY_LUT, _SLOPE, _INTERCEPT = 0x00283000, 0x00281053, 0x00281052
_VOI_LUT, _CENTRE, _WIDTH, _FUNCTION = 0x00283010, 0x00281050, 0x00281051, 0x00281056
_LUT_DESCRIPTOR, _LUT_DATA = 0x00283002, 0x00283006
_PADDING, _PADDING_LIMIT = 0x00280120, 0x00280121
_PRESENTATION_LUT_SHAPE = 0x20500020
_VALUE_TRANSFORMATION, _FRAME_VOI = 0x00289145, 0x00289132

#: The number of pixels that are sampled before all pixels are examined.
_ENOUGH_PIXELS = 4096

Table = NDArray[np.float32]
Transform = Callable[[Values], Values]


def read_dicom(path: Path, content: bytes, policy: str) -> StoredRadiograph:
    """Read one monochrome frame; see `read_radiograph`."""
    syntax, header = read_header(path, content)
    image = read_image(syntax, header)
    table, presentation = _presented(header, image, policy)
    return StoredRadiograph(image.words, table, presentation)


def _presented(header: Header, image: Image, policy: str) -> tuple[Table, Presentation]:
    values, bits = image.layout.values(), image.layout.stored
    if policy == "raw-max":
        table = present.to_table(present.raw_max(values, values[_held(image, True) > 0].max()))
        notes = [*image.notes, *_shown_alike(image, values, table, np.zeros(len(values), dtype=bool))]
        return table, Presentation(policy, bits, notes=tuple(notes))
    is_padding = _is_padding(header, image, values)
    # The modality transform comes first (C.11.1), whatever the policy: a negative slope inverts the radiograph.
    notes = []
    modality, monotone = _modality(header, values, notes)
    measured = modality(values)
    voi, described = _voi(header, measured, notes) if policy == "voi" else (None, None)
    inverted = _inverted(header, notes)
    counts = None
    if voi is None:
        only_ends = policy == "voi" and monotone and not is_padding.any()
        counts = np.where(is_padding, 0, _held(image, only_ends))
        shown = present.full_range(measured, counts)
    else:
        shown = voi(measured)
    shown = np.clip(shown, 0.0, 1.0)
    if inverted:
        shown = 1.0 - shown
    if policy == "equalize" and counts is not None and counts.any():
        shown = present.equalized(shown, counts)
    table = present.to_table(np.where(is_padding, 0.0, shown))
    notes += [*image.notes, *_shown_alike(image, values, table, is_padding)]
    return table, Presentation(policy, bits, described, inverted, tuple(notes))


def _held(image: Image, only_ends: bool) -> Counts:
    """The number of pixels that hold each word.

    With `only_ends`, and where they are found without counting, only the words of the extreme values have a count, 1.
    """
    if only_ends and (ends := image.layout.ends(image.words)) is not None:
        counts = np.zeros(1 << image.layout.allocated, dtype=np.int64)
        counts[list(ends)] = 1
        return counts
    return present.count_words(image.words)


def _shown_alike(image: Image, values: Values, table: Table, is_padding: NDArray[np.bool_]) -> list[str]:
    """A note if the values of a radiograph differ but become one grey value, to less than a step of 16 bits."""
    # For nearly every radiograph a sample of its pixels is enough to tell.
    some = image.words.ravel()[:: max(1, image.words.size // _ENOUGH_PIXELS)]
    if _differ(table[some[~is_padding[some]]]):
        return []
    held = values[(_held(image, not is_padding.any()) > 0) & ~is_padding]
    if held.size == 0:
        return ["all pixels are padding"]
    low, high = held.min(), held.max()
    shown = table[(values >= low) & (values <= high) & ~is_padding]
    if low == high or _differ(shown):
        return []
    return [f"stored values {low:.0f} to {high:.0f} are all shown as {shown.min():.3f}"]


def _differ(shown: Table) -> bool:
    return shown.size > 0 and bool(shown.max() - shown.min() >= 1.0 / 65535.0)


def _inverted(header: Header, notes: list[str]) -> bool:
    """Whether low values are bright, by Photometric Interpretation.

    Presentation LUT Shape should say the same (C.8.11.3). Where it does not, it is ignored and noted: there are
    radiographs in which it is wrong.
    """
    photometric = header.code(PHOTOMETRIC)
    inverted = photometric == "MONOCHROME1"
    shape = header.first_text(_PRESENTATION_LUT_SHAPE).upper()
    if shape not in ("", "INVERSE" if inverted else "IDENTITY"):
        known = shape if shape in ("IDENTITY", "INVERSE", "LIN OD") else "of an unknown kind"
        notes.append(f"Presentation LUT Shape {known} ignored beside {photometric}")
    return inverted


def _is_padding(header: Header, image: Image, values: Values) -> NDArray[np.bool_]:
    """Which values are padding: Pixel Padding Value, or from it to its Range Limit (C.7.5.1.1.2)."""
    if (first := header.words(_PADDING, 1)) is None:
        return np.zeros(len(values), dtype=bool)
    last = header.words(_PADDING_LIMIT, 1) or first
    low, high = sorted(_number(words[0], image.layout.signed) for words in (first, last))
    return (values >= low) & (values <= high)


def _modality(header: Header, values: Values, notes: list[str]) -> tuple[Transform, bool]:
    """The Modality LUT, or else Rescale, and whether the transform is monotone."""
    if (item := header.first_item(_MODALITY_LUT)) is not None:
        if any(_SLOPE in place for place in header.places(_VALUE_TRANSFORMATION)):
            notes.append("Rescale Slope ignored beside a Modality LUT")
        return _look_up(item, "Modality LUT", values, notes, to_unit=False), False
    slope, intercept = _rescale(header, notes)
    return (lambda values: values * slope + intercept), True


def _rescale(header: Header, notes: list[str]) -> tuple[float, float]:
    found = [_both(place, _SLOPE, _INTERCEPT, notes) for place in header.places(_VALUE_TRANSFORMATION)]
    rescales = [rescale for rescale in found if rescale is not None] or [(1.0, 0.0)]
    if any(rescale != rescales[0] for rescale in rescales):
        notes.append("Rescale Slope and Intercept that differ from the functional group's ignored")
    if rescales[0][0] == 0.0:
        # All values would become the same.
        notes.append("Rescale Slope 0 ignored")
        return 1.0, 0.0
    return rescales[0]


def _both(place: Header, one: int, other: int, notes: list[str]) -> tuple[float, float] | None:
    """Two numbers that are valid only together; None without both, with a note if one of them is there."""
    first, second = place.decimal(one), place.decimal(other)
    if first is not None and second is not None:
        return first, second
    for number, tag, lacking in ((first, one, other), (second, other, one)):
        if number is not None:
            notes.append(f"{dictionary_description(tag)} without {dictionary_description(lacking)} ignored")
    return None


def _voi(header: Header, measured: Values, notes: list[str]) -> tuple[Transform | None, str | None]:
    """The radiograph's first VOI transform (C.11.2.1) to [0, 1], and its description.

    `measured` holds all values that the transform can be applied to.
    """
    for place in header.places(_FRAME_VOI):
        if (item := place.first_item(_VOI_LUT)) is not None:
            return _look_up(item, "VOI LUT", measured, notes, to_unit=True), "VOI LUT"
        if (window := _both(place, _CENTRE, _WIDTH, notes)) is not None:
            centre, width = window
            function = place.code(_FUNCTION) or "LINEAR"
            return _window(header.path, centre, width, function), f"window {centre:g}/{width:g} {function}"
    return None, None


def _window(path: Path, centre: float, width: float, function: str) -> Transform:
    if function == "LINEAR":  # C.11.2.1.2.1
        if width < 1:
            raise RadiographError(f"{path}: window width {width:g}, expected at least 1")
        if width == 1:
            return lambda values: (values > centre - 0.5).astype(np.float64)
        return lambda values: (values - (centre - 0.5)) / (width - 1.0) + 0.5
    if width <= 0:
        raise RadiographError(f"{path}: window width {width:g}, expected above 0")
    if function == "LINEAR_EXACT":  # C.11.2.1.3.2
        return lambda values: (values - centre) / width + 0.5
    if function == "SIGMOID":  # C.11.2.1.3.1; the limits keep exp finite
        return lambda values: 1.0 / (1.0 + np.exp(np.clip(-4.0 * (values - centre) / width, -700.0, 700.0)))
    raise RadiographError(f"{path}: unknown VOI LUT Function {function!r}")


def _look_up(item: Header, name: str, inputs: Values, notes: list[str], *, to_unit: bool) -> Transform:
    """A Modality or VOI LUT (C.11.1.1, C.11.2.1.1) as a function.

    Inputs below the first entry map to the first, those above the last entry to the last. `inputs` holds all values
    that the function can be applied to.
    """
    descriptor = item.words(_LUT_DESCRIPTOR, 3)
    if descriptor is None or _LUT_DATA not in item:
        raise RadiographError(f"{item.path}: damaged {name}")
    entries, bits = descriptor[0] or 1 << 16, descriptor[2]
    if not 1 <= bits <= 16:
        raise RadiographError(f"{item.path}: {name} of {bits} bits, expected 1 to 16")
    first = _first_input(descriptor[1], entries, item[_LUT_DESCRIPTOR].vr, inputs, name, notes)
    data = item.value(_LUT_DATA)
    table = np.frombuffer(data, "<u2" if item.little else ">u2", count=len(data) // 2)
    held = len(table)
    if bits <= 8 and held == (entries + 1) // 2 < entries:
        # Two entries are packed into each word, the first in its low byte.
        table = table.astype("<u2").view(np.uint8)[:entries]
    if len(table) != entries:
        raise RadiographError(f"{item.path}: {name} of {entries} entries holds {held}")
    if table.min() == table.max():
        raise RadiographError(
            f"{item.path}: {name} has only entries of {table[0]}, which would make all pixels the same"
        )
    shown = table / (_largest(table, bits, name, notes) if to_unit else 1.0)
    return lambda values: shown[np.clip(values - first, 0, entries - 1).astype(np.intp)]


def _first_input(word: int, entries: int, vr: bytes, inputs: Values, name: str, notes: list[str]) -> int:
    """The first input value that a table maps.

    It is signed if its VR says so or, in implicit files, which have no VR, if the inputs are signed. If the table would
    then not overlap the inputs while the other reading would, the VR is wrong: the other reading is used and noted.
    """
    signed = vr == b"SS" or (vr != b"US" and bool(inputs.min() < 0))
    low, high = inputs.min(), inputs.max()

    def reaches(first: int) -> bool:
        return bool(first <= high and first + entries - 1 >= low)

    first, other = _number(word, signed), _number(word, not signed)
    if reaches(first) or not reaches(other):
        return first
    notes.append(f"{name}'s first input {first} read as {other}")
    return other


def _largest(table: NDArray[np.unsignedinteger], bits: int, name: str, notes: list[str]) -> float:
    """The entry that is white: the largest value of the declared number of bits.

    If the largest entry needs fewer or more bits than declared, it is white itself, with a note.
    """
    greatest = int(table.max())
    if greatest.bit_length() == bits:
        return 2.0**bits - 1.0
    notes.append(f"{name} of {bits} bits has entries up to {greatest}, taken as white")
    return float(greatest)


def _number(word: int, signed: bool) -> int:
    return word - (1 << 16) if signed and word >= 1 << 15 else word
