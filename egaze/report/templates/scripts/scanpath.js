// The reader's scanpath, drawn as of `view.time_s`, and its playback.

const playButton = document.getElementById("play");
const scrubber = document.getElementById("scrubber");
const speedChoice = document.getElementById("speed");
const clock = document.getElementById("clock");
const timeline = document.getElementById("timeline");
const spoken = document.getElementById("spoken");
const calmMotion = matchMedia("(prefers-reduced-motion: reduce)");
const SVG = "http://www.w3.org/2000/svg";
// A fixation of one second is a disc of this radius on a stage of 700 px.
const SECOND_PX = 26;

const playback = { playing: false, last_ms: 0 };

function fixationsBefore(time_s) {
  return view.radiograph.drawing.fixations.filter((fixation) => fixation[2] <= time_s);
}

function drawScanpath(place) {
  const seen = fixationsBefore(view.time_s);
  const unit = (Math.min(canvas.width, canvas.height) / 700) * Math.sqrt(view.zoom);
  const points = seen.map(([x, y, begin_s, lasts_s, size_s = lasts_s]) => ({
    x: place.left + x * place.width,
    y: place.top + y * place.height,
    // A fixation grows while it lasts; its area is its duration so far.
    radius: unit * SECOND_PX * Math.sqrt(Math.max(0.02, size_s * Math.min(1, (view.time_s - begin_s) / Math.max(lasts_s, 1e-4)))),
    now: view.time_s < begin_s + lasts_s,
  }));
  context.globalAlpha = view.opacity.fixations;
  context.beginPath();
  points.forEach((point, place_) => context[place_ ? "lineTo" : "moveTo"](point.x, point.y));
  outline("rgb(255 255 255 / 80%)", 1.25);
  context.font = `600 ${11 * devicePixelRatio}px Inter, system-ui, sans-serif`;
  points.forEach((point, place_) => {
    context.beginPath();
    context.arc(point.x, point.y, point.radius, 0, 2 * Math.PI);
    context.fillStyle = point.now && playback.playing ? "rgb(255 220 120 / 75%)" : "rgb(86 180 233 / 42%)";
    context.fill();
    outline(point.now && playback.playing ? "#ffe08a" : "#d7ecfa", 1.25);
    if (point.radius > 9 * devicePixelRatio) {
      written(String(place_ + 1), point.x, point.y + 4 * devicePixelRatio, "#fff", "center");
    }
  });
}

function seek(time_s) {
  view.time_s = Math.min(view.end_s, Math.max(0, time_s));
  scrubber.value = String(view.time_s);
  const all = view.radiograph.drawing.fixations.length;
  const seen = fixationsBefore(view.time_s).length;
  // Relative durations without onsets are played at a constant pace, which is not the reader's time.
  const { timed, relative } = view.radiograph.drawing;
  const has_clock = timed || !relative;
  clock.textContent = has_clock ? `${view.time_s.toFixed(1)} / ${view.end_s.toFixed(1)} s` : `${seen} / ${all}`;
  scrubber.setAttribute(
    "aria-valuetext",
    (has_clock ? `${view.time_s.toFixed(1)} of ${view.end_s.toFixed(1)} seconds, ` : "") + `fixation ${seen} of ${all}`,
  );
  const phrase = view.radiograph.drawing.phrases.find(([begin_s, end_s]) => begin_s <= view.time_s && view.time_s <= end_s);
  spoken.textContent = phrase && view.time_s < view.end_s ? phrase[2] : "";
  const hand = timeline.querySelector(".hand");
  if (hand) {
    hand.setAttribute("x1", String((1000 * view.time_s) / view.end_s));
    hand.setAttribute("x2", String((1000 * view.time_s) / view.end_s));
  }
  requestDraw();
}

function play() {
  if (!view.radiograph || !view.radiograph.drawing.fixations.length) return;
  if (view.time_s >= view.end_s) seek(0);
  if (view.opacity.fixations === 0) setOpacity("fixations", 1);
  playback.playing = true;
  playback.last_ms = performance.now();
  playButton.textContent = "Pause";
  requestAnimationFrame(tick);
}

function pause() {
  playback.playing = false;
  playButton.textContent = "Play";
  requestDraw();
}

function tick(now_ms) {
  if (!playback.playing) return;
  const step_s = (Math.max(0, now_ms - playback.last_ms) / 1000) * Number(speedChoice.value);
  // With reduced motion, time jumps from one fixation's onset to the next one's.
  const next = view.radiograph.drawing.fixations.find((fixation) => fixation[2] > view.time_s);
  const until_s = next ? next[2] : view.end_s;
  if (!calmMotion.matches || view.time_s + step_s >= until_s) {
    seek(calmMotion.matches ? until_s : view.time_s + step_s);
    playback.last_ms = now_ms;
  }
  if (view.time_s >= view.end_s) pause();
  else requestAnimationFrame(tick);
}

function stepFixation(by) {
  const begins = view.radiograph.drawing.fixations.map((fixation) => fixation[2]);
  const next = by > 0 ? begins.find((s) => s > view.time_s + 1e-6) : begins.findLast((s) => s < view.time_s - 1e-6);
  seek(next ?? (by > 0 ? view.end_s : 0));
}

// Bars show fixations above and speech below.
function showTimeline() {
  const { fixations, phrases, timed, relative } = view.radiograph.drawing;
  view.end_s = Math.max(0.1, ...fixations.map((f) => f[2] + f[3]), ...(fixations.length ? phrases.map((p) => p[1]) : []));
  scrubber.max = String(view.end_s);
  timeline.replaceChildren();
  const bar = (begin_s, end_s, top, height, look) => {
    const rect = document.createElementNS(SVG, "rect");
    rect.setAttribute("x", String((1000 * begin_s) / view.end_s));
    rect.setAttribute("width", String(Math.max(0.6, (1000 * (end_s - begin_s)) / view.end_s - 0.8)));
    rect.setAttribute("y", String(top));
    rect.setAttribute("height", String(height));
    rect.setAttribute("class", look);
    timeline.append(rect);
  };
  fixations.forEach((f) => bar(f[2], f[2] + f[3], 2, 9, "fix"));
  if (fixations.length) phrases.forEach((p) => bar(p[0], p[1], 14, 4, "speech"));
  const hand = document.createElementNS(SVG, "line");
  hand.setAttribute("class", "hand");
  hand.setAttribute("y1", "0");
  hand.setAttribute("y2", "20");
  timeline.append(hand);
  for (const control of [playButton, scrubber, speedChoice]) control.disabled = fixations.length === 0;
  document.getElementById("untimed").hidden = timed || relative || fixations.length === 0;
  document.getElementById("relative").hidden = !relative || fixations.length === 0;
  document.getElementById("paced").hidden = timed;
  const { fixations_in_all: in_all, fixations_not_shown: not_shown } = view.radiograph.drawing;
  const more = document.getElementById("left-out");
  more.hidden = in_all === fixations.length && not_shown === 0;
  more.textContent = in_all > fixations.length ? `The first ${fixations.length} of ${in_all} fixations are drawn. ` : "";
  if (not_shown) more.textContent += `${not_shown} more lie outside the part of the radiograph that was on the screen.`;
  seek(view.end_s);
}
