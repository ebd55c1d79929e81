import numpy as np
import pytest

from egaze.labels import UNCERTAIN, ClassCounts, ExclusiveLabels, IndependentLabels, class_counts, independent_labels

NAN = np.nan
CERTAINTY = np.array([[1, 0.3], [0, 0.5], [NAN, 1], [NAN, NAN]], np.float32)


def test_exclusive_labels():
    labels = ExclusiveLabels(("normal", "chf"), np.array([1, -1, 0]))
    assert labels.kind == "exclusive" and len(labels) == 3
    np.testing.assert_array_equal(labels.known, [True, False, True])
    np.testing.assert_array_equal(labels.targets, [[0, 1], [NAN, NAN], [1, 0]])
    np.testing.assert_array_equal(labels.answers, labels.targets)
    assert [labels.text(case) for case in range(3)] == ["chf", None, "normal"]
    assert class_counts(labels)["chf"] == ClassCounts(present=1, absent=1, uncertain=0, unknown=1)


@pytest.mark.parametrize(
    ("uncertain", "taught"),
    [
        ("ignore", [[1, NAN], [0, NAN], [NAN, 1], [NAN, NAN]]),
        ("one", [[1, 1], [0, 1], [NAN, 1], [NAN, NAN]]),
        ("zero", [[1, 0], [0, 0], [NAN, 1], [NAN, NAN]]),
        ("soft", [[1, 0.3], [0, 0.5], [NAN, 1], [NAN, NAN]]),
    ],
)
def test_the_policy_decides_what_is_learnt_and_never_what_is_judged(uncertain, taught):
    labels = IndependentLabels(("a", "b"), CERTAINTY, uncertain)
    np.testing.assert_array_equal(labels.targets, np.float32(taught))
    np.testing.assert_array_equal(labels.answers, [[1, NAN], [0, NAN], [NAN, 1], [NAN, NAN]])
    np.testing.assert_array_equal(labels.known, [True, True, True, False])
    assert [labels.text(case) for case in range(4)] == ["a, b?", "b?", "b", None]
    assert class_counts(labels) == {"a": ClassCounts(1, 1, 0, 2), "b": ClassCounts(1, 0, 2, 1)}
    assert class_counts(labels)["a"].prevalence == 0.5


def test_groups_are_the_present_classes_and_the_cases_without_any():
    labels = IndependentLabels(("a", "b"), CERTAINTY, "soft")
    # A certainty of 0.5 says neither.
    np.testing.assert_array_equal(labels.groups, [[1, 0, 0], [0, 0, 1], [0, 1, 0], [0, 0, 0]])
    np.testing.assert_array_equal(labels.of(np.array([2])).groups, [[0, 1, 0]])


def test_a_class_that_a_case_does_not_name_is_unknown():
    labels = independent_labels(("a", "b"), [{"b": 1.0}, None, {}], "ignore")
    np.testing.assert_array_equal(labels.certainty, [[NAN, 1], [NAN, NAN], [NAN, NAN]])


@pytest.mark.parametrize(
    ("certainty", "uncertain", "message"),
    [
        ([[0, 1.5]], "ignore", r"certainties must lie in \[0, 1\], got 0.0 to 1.5"),
        ([[-1, 1]], "ignore", r"certainties must lie in"),
        ([[1]], "ignore", r"certainty must be \(N, 2\), got shape \(1, 1\)"),
        ([[0, 1]], "maybe", f"uncertain must be one of {', '.join(UNCERTAIN)}, got 'maybe'"),
    ],
)
def test_what_no_labels_can_be(certainty, uncertain, message):
    with pytest.raises(ValueError, match=message):
        IndependentLabels(("a", "b"), np.array(certainty, np.float32), uncertain)
