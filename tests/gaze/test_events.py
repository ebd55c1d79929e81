"""Fixations found in samples: known ones, samples with traps, and settings."""

from dataclasses import asdict, fields, replace

import numpy as np
import pytest

from egaze.errors import GazeError, RecipeError
from egaze.gaze.events import (
    EYE_RULES,
    FIXATION_METHODS,
    AdaptiveSettings,
    CommonSettings,
    GazeSignal,
    IdtSettings,
    IvtSettings,
    combine_eyes,
    detect_fixations,
    measure_candidates,
    settings_sensitivity,
    simulate_gaze,
)
from egaze.metrics import event_agreement

DEGREES = (1.0, 1.0)
NAN = float("nan")


def f1(gaze, found):
    return event_agreement(gaze.onset_s, gaze.duration_s, found.onset_s, found.duration_s).f1


def steps(rate_hz=500, seconds=1.0, places=(0.0, 5.0), clock_s=0.0):
    """Gaze that rests at each of the places on x in turn, equally long."""
    time_s = np.arange(round(rate_hz * seconds)) / rate_hz
    x_deg = np.array(places)[np.minimum((time_s / seconds * len(places)).astype(int), len(places) - 1)]
    return time_s + clock_s, x_deg, np.zeros(len(time_s))


@pytest.mark.parametrize("rate_hz", [60, 90, 120, 250, 300, 500, 1000])
def test_known_fixations_are_found(rate_hz):
    still = simulate_gaze(rate_hz, seed=rate_hz, fixations=60)
    for method in FIXATION_METHODS:
        assert f1(still, detect_fixations(still.signal, method)) >= 0.98, method
    noisy = [simulate_gaze(rate_hz, noise_deg=0.5, seed=seed, fixations=150) for seed in range(3)]
    assert np.mean([f1(gaze, detect_fixations(gaze.signal)) for gaze in noisy]) >= 0.95
    # The other two have no chance in such noise, which the page on fixations says.
    assert max(f1(noisy[0], detect_fixations(noisy[0].signal, method)) for method in ("ivt", "idt")) < 0.5


@pytest.mark.parametrize("method", FIXATION_METHODS)
def test_fixations_are_measured(method):
    time_s, x_deg, y_deg = steps(clock_s=1e6)
    scale = (40.0, 20.0)
    found = detect_fixations(GazeSignal(time_s, x_deg * 40, y_deg + 100, scale), method)
    assert len(found) == 2 and found.method == method
    np.testing.assert_allclose(found.x_px, [0, 200], atol=5)
    np.testing.assert_allclose(found.y_px, 100)
    assert found.duration_s == pytest.approx([0.5, 0.5], abs=0.015) and found.dwell_s == pytest.approx(1, abs=0.03)
    assert (found.end - found.begin == found.samples).all() and found.end[-1] == 500
    assert found.facts["rate_hz"] == pytest.approx(500) and (found.facts["window_ms"] is None) == (method == "idt")
    kept = found.as_fixations()
    assert kept.onset_s[0] == 0 and kept.onset_s[1] == pytest.approx(0.5, abs=0.015)
    assert found.record()["settings"] == asdict(FIXATION_METHODS[method].settings())


def test_scale_counts_along_each_axis():
    time_s, x_deg, y_deg = steps()
    one = detect_fixations(GazeSignal(time_s, x_deg, y_deg, DEGREES), "ivt")
    other = detect_fixations(GazeSignal(time_s, y_deg, 33 * x_deg, (7.0, 33.0)), "ivt")
    assert one.begin.tolist() == other.begin.tolist() and one.end.tolist() == other.end.tolist()


@pytest.mark.parametrize("method", FIXATION_METHODS)
def test_signals_without_fixations(method):
    for count in (0, 1, 2):
        found = detect_fixations(GazeSignal(np.arange(count) / 60, np.zeros(count), np.zeros(count), DEGREES), method)
        assert len(found) == len(found.losses) == 0 and found.dwell_s == 0
        assert (found.facts["rate_hz"] is None) == (count < 2)
        assert len(found.as_fixations()) == 0
    lost = np.full(100, NAN)
    found = detect_fixations(GazeSignal(np.arange(100) / 60, lost, lost, DEGREES), method)
    assert len(found) == 0 and found.losses.lost_samples.tolist() == [100] and not found.losses.is_blink.any()


@pytest.mark.parametrize("method", FIXATION_METHODS)
def test_losses_blinks_and_pauses(method):
    time_s, x_deg, y_deg = steps(500, 4.0, (0.0,))
    x_deg[500:515] = np.inf  # 32 ms: bridged
    y_deg[1000:1080] = NAN  # 162 ms: a blink
    x_deg[1500:1800] = NAN  # 602 ms: too long for one
    keep = np.ones(2000, bool)
    keep[300:400] = False  # a pause of 202 ms
    signal = GazeSignal(time_s[keep], x_deg[keep], y_deg[keep], DEGREES)
    found = detect_fixations(signal, method, FIXATION_METHODS[method].settings(merge_distance_deg=0))
    assert found.losses.duration_s == pytest.approx([0.202, 0.162, 0.602])
    assert found.losses.lost_samples.tolist() == [0, 80, 300] and found.losses.is_blink.tolist() == [False, True, False]
    # The margin of 40 ms, 20 samples, is kept from lost samples and not from the pause.
    assert found.onset_s == pytest.approx([0, 0.8, 2.2, 3.64]) and found.samples[1] == 565
    assert (found.onset_s + found.duration_s)[:3] == pytest.approx([0.6, 1.96, 2.96])
    # At its ends nobody saw the eye close.
    edge = detect_fixations(GazeSignal(time_s[1000:1200], x_deg[1000:1200], y_deg[1000:1200], DEGREES), method)
    assert edge.losses.lost_samples.tolist() == [80] and not edge.losses.is_blink.any()


@pytest.mark.parametrize("method", FIXATION_METHODS)
def test_gaze_that_moved_while_lost_is_two_fixations(method):
    time_s, x_deg, y_deg = steps()
    x_deg[235:265] = NAN  # 60 ms, within which the gaze moves by 5 degrees
    found = detect_fixations(GazeSignal(time_s, x_deg, y_deg, DEGREES), method)
    assert found.begin.tolist() == [0, 265] and found.end.tolist() == [235, 500]


@pytest.mark.parametrize("method", FIXATION_METHODS)
def test_uneven_and_rounded_times(method):
    gaze = simulate_gaze(300, noise_deg=0.02, seed=4)
    jitter_s = np.random.default_rng(0).uniform(-0.4, 0.4, len(gaze.signal)) / 300
    kept = np.random.default_rng(1).random(len(gaze.signal)) < 0.9  # a tenth of the rows is missing
    signal = GazeSignal(
        np.sort(gaze.signal.time_s + jitter_s)[kept], gaze.signal.x_px[kept], gaze.signal.y_px[kept], DEGREES
    )
    assert f1(gaze, detect_fixations(signal, method)) >= 0.97
    # A clock in milliseconds at 2,000 Hz gives two samples each time.
    fast = simulate_gaze(2000, noise_deg=0.01, seed=5, fixations=20)
    signal = GazeSignal(np.floor(fast.signal.time_s * 1000 + 1e-9) / 1000, fast.signal.x_px, fast.signal.y_px, DEGREES)
    assert f1(fast, detect_fixations(signal, method)) >= 0.97


@pytest.mark.parametrize("method", FIXATION_METHODS)
def test_what_cannot_be_right_names_the_sample(method):
    time_s, x_deg, y_deg = steps()

    def refused(match, time_s=time_s, x_deg=x_deg, scale=DEGREES):
        with pytest.raises(GazeError, match=match) as caught:
            detect_fixations(GazeSignal(time_s, x_deg, y_deg, scale), method)
        assert "\n" not in str(caught.value)

    def changed(values, index, value):
        values = values.copy()
        values[index] = value
        return values

    refused(r"sample 77: its time of 0\.1 s is before the 0\.152 s .*runs back", changed(time_s, 77, 0.1))
    refused(r"sample 9: .*stands still", changed(time_s, [7, 8, 9], time_s[7]))
    refused("sample 8: its time is nan s", changed(time_s, 8, NAN))
    refused("sample 0: its time is inf s", changed(time_s, 0, np.inf))
    refused(r"sample 3: its position \(-32768, 0\) px is 32768 degrees", x_deg=changed(x_deg, 3, -32768))
    refused("sample 3: its position", x_deg=changed(x_deg, 3, 1e308))
    refused("100 ms apart, more than the longest gap of 75 ms", time_s * 50)
    refused("x_px: half of the positions spread over 300 degrees at 1 pixels per degree", x_deg=x_deg * 60)
    refused("two numbers above 0", scale=(1.0, 0.0))
    refused("of one length", x_deg=x_deg[:-1])


def test_methods_and_settings_are_checked():
    signal = GazeSignal(*steps(), DEGREES)
    with pytest.raises(GazeError, match="unknown fixation method 'ihmm'; known are adaptive, ivt, idt"):
        detect_fixations(signal, "ihmm")
    with pytest.raises(GazeError, match="'ivt' needs IvtSettings, got settings of type IdtSettings"):
        detect_fixations(signal, "ivt", IdtSettings())
    for bad, match in (
        ({"min_duration_ms": 0}, "min_duration_ms must be above 0"),
        ({"max_gap_ms": -1}, "max_gap_ms must be a finite number, 0 or more"),
        ({"threshold_deg_s": NAN}, "threshold_deg_s must be a finite number"),
        ({"window_ms": "20"}, "window_ms must be of type float"),
        ({"min_duration_ms": 1e9}, "min_duration_ms must be at most 60000"),
    ):
        with pytest.raises(RecipeError, match=match):
            IvtSettings(**bad)
    with pytest.raises(RecipeError, match="onset_sd must be at most peak_sd"):
        AdaptiveSettings(peak_sd=2)
    with pytest.raises(RecipeError, match="max_dispersion_deg must be above 0"):
        IdtSettings(max_dispersion_deg=0)
    with pytest.raises(ValueError, match="range 1: samples 3 to 9 must rise, not overlap"):
        measure_candidates(signal, CommonSettings(), begin=[0, 3], end=[4, 9])


def test_each_setting_changes_what_is_found():
    """What is recorded of a method is all that it depends on, and nothing of it is dead."""
    gaze = simulate_gaze(500, noise_deg=0.12, seed=1, fixations=120, least_saccade_deg=0.5, least_fixation_s=0.05)
    signal = gaze.signal
    signal.x_px[2000:2060] = signal.x_px[5000:5020] = NAN
    for method, item in FIXATION_METHODS.items():
        usual = item.settings(merge_distance_deg=0.6, merge_gap_ms=40, loss_margin_ms=40)
        if method == "adaptive":
            usual = replace(usual, smallest_saccade_deg=0.25, max_window_ms=40)
        found = detect_fixations(signal, method, usual)
        for field in fields(usual):
            values = [getattr(usual, field.name) * factor for factor in (0.1, 0.4, 0.6, 1.4, 3, 10)]
            others = []
            for value in values:
                try:
                    others.append(detect_fixations(signal, method, replace(usual, **{field.name: value})))
                except (RecipeError, GazeError):
                    continue
            same = [
                np.array_equal(found.begin, other.begin)
                and np.array_equal(found.end, other.end)
                and np.array_equal(found.losses.is_blink, other.losses.is_blink)
                for other in others
            ]
            assert not all(same), (method, field.name)


def test_threads_change_nothing():
    gaze = simulate_gaze(1000, noise_deg=0.2, seed=3)
    for method in FIXATION_METHODS:
        one, four = (detect_fixations(gaze.signal, method, threads=threads) for threads in (1, 4))
        for name in ("begin", "end", "x_px", "duration_s", "rms_deg"):
            np.testing.assert_array_equal(getattr(one, name), getattr(four, name))


def test_two_eyes():
    time_s, x_deg, y_deg = steps()
    left = GazeSignal(time_s, x_deg - 0.5, y_deg, DEGREES)
    gone = x_deg + 0.5
    gone[100:200] = NAN
    right = GazeSignal(time_s, gone, y_deg + 1, DEGREES)
    average = combine_eyes(left, right)
    np.testing.assert_allclose(average.x_px, x_deg)
    np.testing.assert_allclose(average.y_px, 0.5)
    assert combine_eyes(left, right, "both").is_valid.sum() == 400
    assert combine_eyes(left, right, "better") is left and combine_eyes(right, left, "better") is left
    assert combine_eyes(left, right, "right") is right and combine_eyes(left, right, "left") is left
    apart = GazeSignal(time_s, np.where(np.arange(500) < 250, x_deg, NAN), y_deg, DEGREES)
    never = GazeSignal(time_s, np.full(500, NAN), y_deg, DEGREES)
    np.testing.assert_array_equal(combine_eyes(apart, never).x_px, apart.x_px)
    for rule in EYE_RULES:
        assert len(combine_eyes(left, right, rule)) == 500
    with pytest.raises(GazeError, match="unknown rule"):
        combine_eyes(left, right, "mean")
    with pytest.raises(GazeError, match="sample 3: the eyes' times differ"):
        combine_eyes(left, GazeSignal(np.where(np.arange(500) == 3, 0.0065, time_s), x_deg, y_deg, DEGREES))
    with pytest.raises(GazeError, match="different lengths: 500 and 499"):
        combine_eyes(left, GazeSignal(time_s[1:], x_deg[1:], y_deg[1:], DEGREES))
    with pytest.raises(GazeError, match="different scales"):
        combine_eyes(left, GazeSignal(time_s, x_deg, y_deg, (2, 2)))


def test_sensitivity():
    signal = simulate_gaze(250, noise_deg=0.1, fixations=40).signal
    rows = settings_sensitivity(signal, "adaptive", AdaptiveSettings(min_duration_ms=150))
    usual, others = rows[0], rows[1:]
    found = detect_fixations(signal, "adaptive", AdaptiveSettings(min_duration_ms=150))
    assert (usual.setting, usual.fixations, usual.dwell_s) == ("", len(found), found.dwell_s)
    names = {field.name for field in fields(AdaptiveSettings)} - {"blink_max_ms", "merge_distance_deg"}
    assert {row.setting for row in others} == names and len(others) == 2 * len(names)
    refused = [row for row in others if row.refused]
    assert {(row.setting, row.factor) for row in refused} == {("onset_sd", 2.0), ("peak_sd", 0.5)}
    longer = next(row for row in others if row.setting == "min_duration_ms" and row.factor == 2)
    assert longer.value == 300 and longer.fixations == (found.duration_s >= 0.3).sum() < usual.fixations
    with pytest.raises(GazeError, match="factors must be above 0"):
        settings_sensitivity(signal, factors=[0])
    with pytest.raises(GazeError, match="unknown fixation method"):
        settings_sensitivity(signal, "ihmm")
