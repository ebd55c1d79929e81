import numpy as np
import pytest

from egaze.metrics import event_agreement


def test_events_match_by_more_than_half_of_their_union():
    found = event_agreement([0, 1, 2, 3], [0.9, 0.8, 0.5, 0.5], [0.1, 1.0, 1.5, 2.25], [0.8, 0.4, 0.6, 0.3])
    assert (found.known, found.found, found.matched) == (4, 4, 1) and found.f1 == 0.25
    assert found.onset_error_s == pytest.approx(0.1) and found.end_error_s == pytest.approx(0)
    # Exactly half is not more than half.
    assert event_agreement([0], [1], [0], [0.5]).matched == 0
    assert event_agreement([0], [1], [0], [0.501]).matched == 1
    none = event_agreement([], [], [0.5], [1])
    assert none.f1 == 0 and np.isnan(none.onset_error_s)


def test_pairs_are_those_of_every_comparison():
    generator = np.random.default_rng(0)
    for _ in range(30):
        sides = []
        for _ in range(2):
            edges = np.cumsum(generator.uniform(0.05, 0.5, 40))
            sides += [edges[::2], edges[1::2] - edges[::2]]
        a, da, b, db = sides
        shared = np.minimum((a + da)[:, None], b + db) - np.maximum(a[:, None], b)
        union = np.maximum((a + da)[:, None], b + db) - np.minimum(a[:, None], b)
        assert event_agreement(*sides).matched == (shared > 0.5 * union).sum()


@pytest.mark.parametrize(
    ("arguments", "match"),
    [
        (([0, 0.5], [1, 1], [], []), "known event 1 begins before the one before it ends"),
        (([0], [0], [], []), "durations above 0"),
        (([], [], [0], [1, 2]), "found events must be"),
    ],
)
def test_bad_input(arguments, match):
    with pytest.raises(ValueError, match=match):
        event_agreement(*arguments)
    with pytest.raises(ValueError, match="at least 0.5"):
        event_agreement([0], [1], [0], [1], min_overlap_frac=0.3)
