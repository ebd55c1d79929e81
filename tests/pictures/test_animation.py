import subprocess
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image

from egaze.errors import EgazeError, StudyError
from egaze.gaze import rasterize_fixations
from egaze.pictures import Playback, animation, movie
from egaze.pictures.animation import Animation, frame_times, heatmap_frames
from egaze.pictures.movie import ffmpeg_program, write_gif, write_mp4

GIF = Playback(file_format="gif")


@pytest.fixture
def short(case_gaze):
    """3 s of gaze at three places, with a second of nothing in the middle."""
    return case_gaze([20, 44, 32], [20, 20, 48], [1.0, 0.5, 0.5], [0.5, 1.5, 3.0])


def radiograph_part(running, frame):
    left, top = running._page.radiograph_corner
    height, width = running._page.radiograph.shape
    return frame[top : top + height, left : left + width].astype(int)


def test_times_run_from_the_first_onset_to_the_last_end(short):
    times = frame_times(short, GIF)
    np.testing.assert_allclose(times, 0.5 + np.arange(31) / 10)
    # The end is there also between two steps.
    times = frame_times(short, Playback(fps=7, speed=2, file_format="gif"))
    np.testing.assert_allclose(times[:-1], 0.5 + np.arange(len(times) - 1) * 2 / 7)
    assert times[-1] == pytest.approx(3.5) and 0 < times[-1] - times[-2] <= 2 / 7 + 1e-6


def test_gaze_builds_up_to_the_whole_heatmap(short):
    frames = list(heatmap_frames(short, frame_times(short, GIF)))
    assert len(frames) == 31 and frames[0].max() == 0
    assert all((later >= earlier - 1e-9).all() for earlier, later in pairwise(frames))
    whole = rasterize_fixations(short.fixations, (64, 64), sigma_px=3.2)
    np.testing.assert_allclose(frames[-1], whole, rtol=1e-4, atol=1e-9)
    # Half of the first fixation, and nothing of the others.
    np.testing.assert_allclose(frames[5].sum(), 0.5, rtol=1e-3)


def test_a_window_drops_earlier_gaze(short):
    frames = list(heatmap_frames(short, frame_times(short, GIF), window_s=0.4))
    total = [float(frame.sum()) for frame in frames]
    assert total[10] == pytest.approx(0.4, rel=1e-3)
    assert total[20] == pytest.approx(0, abs=1e-6)
    assert total[-1] == pytest.approx(0.4, rel=1e-3)


def test_frames_are_made_a_few_at_a_time(short, monkeypatch):
    times = frame_times(short, GIF)
    together = list(heatmap_frames(short, times))
    monkeypatch.setattr(animation, "_CHUNK_BYTES", 4 * 64 * 64 * 4)
    np.testing.assert_allclose(list(heatmap_frames(short, times)), together, rtol=1e-5, atol=1e-12)


def test_a_frame_shows_radiograph_gaze_ring_and_clock(short):
    running = Animation(short, GIF)
    first, during, idle, last = (next(iter(running._draw(np.array([t])))) for t in (0.5, 1.0, 2.5, 3.5))
    assert first.shape == (*running.shape, 3) and not any(side % 2 for side in running.shape)
    height, width = running._page.radiograph.shape
    x, y = int((20.5 / 64) * width), int((20.5 / 64) * height)
    grey = 30000 * 255 / 65535
    # No gaze yet: the radiograph alone, but for the ring at the first fixation.
    np.testing.assert_allclose(radiograph_part(running, first)[y, x], grey, atol=1)
    np.testing.assert_allclose(radiograph_part(running, first)[height - 5, 5], grey, atol=1)
    ring = radiograph_part(running, first)[y - 12 : y + 13, x - 12 : x + 13]
    assert ring.max() == 255
    assert radiograph_part(running, idle)[y - 12 : y + 13, x - 12 : x + 13, 2].max() < 255
    # The place looked at longest ends at the bar's brightest colour.
    peak = radiograph_part(running, last)[y, x]
    assert (peak > radiograph_part(running, during)[y, x]).any() and peak[0] > 180 and peak[1] > 180
    # Below the radiograph only the clock changes.
    below = running._page.radiograph_corner[1] + height + 1
    changed = np.argwhere((idle[below:] != last[below:]).any(axis=2))
    assert len(changed) and changed[:, 1].max() < 60


def test_too_long_animations_are_refused_before_anything_is_drawn(case_gaze):
    unix_time = case_gaze([20, 30], [20, 30], [0.2, 0.2], [0, 1e7])
    with pytest.raises(StudyError, match=r"case 'case-1': 1e\+07|10000000\.\d s of gaze make 100000003 frames"):
        frame_times(unix_time, GIF)
    late = case_gaze([20, 30], [20, 30], [0.2, 0.2], [1e6, 1e6 + 1])
    assert len(frame_times(late, GIF)) == 13


def test_without_onsets_fixations_play_one_after_the_other(case_gaze):
    x, y, duration_s = [20, 40, 30], [20, 30, 10], [0.4, 0.25, 0.35]
    untimed = case_gaze(x, y, duration_s)
    timed = case_gaze(x, y, duration_s, [0, 0.4, 0.65])
    np.testing.assert_allclose(frame_times(untimed, GIF), frame_times(timed, GIF), atol=1e-6)
    times = [0.1, 0.5, 1.0]
    for found, expected in zip(heatmap_frames(untimed, times), heatmap_frames(timed, times), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-6 * expected.max())
    frames = list(Animation(untimed, GIF).frames())
    assert len(frames) == len(frame_times(timed, GIF))
    # The page says that there was no clock.
    assert not np.array_equal(frames[0], next(Animation(timed, GIF).frames()))


def test_relative_durations_without_onsets_play_at_a_stated_pace(case_gaze):
    paced = case_gaze([20, 40, 30], [20, 30, 10], [7, 90, 2], duration_unit="relative")
    times = frame_times(paced, GIF)
    assert times[-1] == pytest.approx(1.0)  # three fixations of a third of a second
    frames = list(heatmap_frames(paced, times))
    # Each has all its weight as soon as it begins, and in the end they are the heatmap.
    np.testing.assert_allclose([frame.sum() for frame in frames[:4]], 7, rtol=1e-3)
    np.testing.assert_allclose(frames[-1], rasterize_fixations(paced.fixations, (64, 64), sigma_px=3.2), rtol=1e-4)
    assert [animation._clock(paced, time_s) for time_s in (0, 0.5, 1)] == [f"fixation {n} of 3" for n in (1, 2, 3)]
    assert len(animation._looked_at(paced, 0.5)) == 1
    quick = Playback(speed=2, file_format="gif")
    assert animation._caption(paced, quick).endswith("in order, 6 fixations per second: durations are relative")
    assert len(list(Animation(paced, GIF).frames())) == len(times)
    with pytest.raises(StudyError, match="case 'case-1': its durations are relative and it has no onsets"):
        frame_times(paced, Playback(window_s=2, file_format="gif"))


def test_relative_durations_with_onsets_play_by_these(case_gaze):
    timed = case_gaze([20, 40], [20, 30], [7, 90], [1.0, 3.0], duration_unit="relative")
    assert frame_times(timed, GIF)[[0, -1]].tolist() == pytest.approx([1, 3 + 1 / 3])
    assert animation._clock(timed, 2.0) == "2.0 s" and "relative" not in animation._caption(timed, GIF)
    total = [float(frame.sum()) for frame in heatmap_frames(timed, [0.9, 1.0, 2.9, 3.0])]
    assert total == pytest.approx([0, 7, 7, 97], rel=1e-3)
    total = [float(frame.sum()) for frame in heatmap_frames(timed, [1.0, 1.4, 1.6], window_s=0.5)]
    assert total == pytest.approx([7, 7, 0], rel=1e-3)


@pytest.mark.parametrize("options", [{"fps": 0}, {"fps": 51}, {"speed": 0}, {"window_s": float("nan")}])
def test_playback_out_of_range(options):
    with pytest.raises(StudyError, match="must be"):
        Playback(**options)
    with pytest.raises(StudyError, match="got 'avi'"):
        Playback(file_format="avi")


@pytest.mark.parametrize(("fps", "speed"), [(10, 1), (30, 3)])
def test_a_gif_has_its_frames_and_lasts_as_long_as_the_reading(short, tmp_path, fps, speed):
    running = Animation(short, Playback(fps, speed, file_format="gif"))
    seconds = np.append((running.times_s - running.times_s[0]) / speed, 3 / speed + 2)
    frames = list(running.frames())
    write_gif(tmp_path / "a.gif", iter(frames), samples=running.samples(), seconds=seconds)
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == len(running.times_s) == 31 and gif.info["loop"] == 0
        lasts_ms = 0
        for number in range(gif.n_frames):
            gif.seek(number)
            lasts_ms += gif.info["duration"]
        assert lasts_ms == pytest.approx((3 / speed + 2) * 1000, abs=5)
        last = np.asarray(gif.convert("RGB")).astype(int)
    assert np.abs(last - frames[-1]).max() < 60 and np.abs(last - frames[-1]).mean() < 2
    assert (last[:3, :3] == 255).all()


def test_a_radiograph_without_colour_makes_a_gif_too(case_gaze, tmp_path):
    grey = np.full((1, 20, 30, 3), 80, np.uint8)
    write_gif(tmp_path / "a.gif", iter(grey), samples=list(grey), seconds=[0, 1])
    with Image.open(tmp_path / "a.gif") as gif:
        assert gif.n_frames == 1 and abs(gif.convert("RGB").getpixel((3, 3))[0] - 80) <= 4


@pytest.mark.skipif(ffmpeg_program() is None, reason="no ffmpeg")
def test_an_mp4_has_its_frames(short, tmp_path):
    running = Animation(short, Playback(fps=20))
    write_mp4(tmp_path / "a.mp4", running.frames(), shape=running.shape, fps=20)
    decode = [ffmpeg_program(), "-i", tmp_path / "a.mp4", "-f", "rawvideo", "-pix_fmt", "rgb24", "-"]
    done = subprocess.run(decode, capture_output=True, check=True)
    said = done.stderr.decode()
    assert "Duration: 00:00:03.05" in said and "h264" in said and "yuv420p" in said and "20 fps" in said
    shown = np.frombuffer(done.stdout, np.uint8).reshape(-1, *running.shape, 3)
    assert len(shown) == 61
    whole = list(running.frames())[-1].astype(int)
    assert np.abs(shown[-1] - whole).mean() < 4


def test_without_ffmpeg(monkeypatch, tmp_path):
    monkeypatch.setattr(animation, "ffmpeg_program", lambda: None)
    monkeypatch.setattr(movie, "ffmpeg_program", lambda: None)
    assert Playback().settled().file_format == "gif"
    with pytest.raises(EgazeError, match="MP4 needs ffmpeg, which is not found"):
        Playback(file_format="mp4").settled()
    with pytest.raises(EgazeError, match="MP4 needs ffmpeg"):
        write_mp4(tmp_path / "a.mp4", [], shape=(2, 2), fps=1)
    monkeypatch.setattr(animation, "ffmpeg_program", lambda: "/usr/bin/ffmpeg")
    assert Playback().settled().file_format == "mp4" and GIF.settled().file_format == "gif"


def test_an_ffmpeg_that_fails_is_quoted(monkeypatch, tmp_path):
    program = tmp_path / "ffmpeg"
    program.write_text("#!/bin/sh\necho 'Unknown encoder' >&2\nexit 8\n")
    program.chmod(0o755)
    monkeypatch.setattr(movie, "ffmpeg_program", lambda: str(program))
    frames = np.zeros((40, 200, 200, 3), np.uint8)
    with pytest.raises(EgazeError, match=r"could not write a video \(exit status 8\): Unknown encoder"):
        write_mp4(tmp_path / "a.mp4", frames, shape=(200, 200), fps=1)


def test_matplotlibs_ffmpeg_comes_first(monkeypatch, tmp_path):
    import matplotlib

    program = tmp_path / "my-ffmpeg"
    program.write_text("#!/bin/sh\n")
    program.chmod(0o755)
    with matplotlib.rc_context({"animation.ffmpeg_path": str(program)}):
        assert ffmpeg_program() == str(program)
