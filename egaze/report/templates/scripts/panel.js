// The panel beside the radiograph: its facts, the layers, the grey window.

const LAYERS = ["gaze", "predicted", "class_heatmap", "grad_cam", "regions", "fixations"];
const classInput = document.getElementById("class-shown");
const layerInputs = Object.fromEntries(LAYERS.map((name) => [name, document.getElementById(`opacity-${name}`)]));

function setOpacity(name, value) {
  const input = layerInputs[name];
  if (!input) return;
  view.opacity[name] = value;
  input.value = String(Math.round(100 * value));
  input.setAttribute("aria-valuetext", `${Math.round(100 * value)} percent`);
  input.closest(".layer").querySelector("output").textContent = `${Math.round(100 * value)} %`;
  document.documentElement.style.setProperty(`--opacity-${name}`, String(value));
  showOverlayButton();
  showScale();
  requestDraw();
}

// The layers that the overlay key or button hides and shows again.
let overlay = report.overlay ? { [report.overlay]: 0.6 } : {};

function toggleOverlay() {
  const shown = LAYERS.filter((name) => layerInputs[name] && view.opacity[name] > 0);
  if (shown.length) {
    overlay = Object.fromEntries(shown.map((name) => [name, view.opacity[name]]));
    shown.forEach((name) => setOpacity(name, 0));
  } else {
    Object.entries(overlay).forEach(([name, value]) => setOpacity(name, value));
  }
}

function showOverlayButton() {
  const button = document.getElementById("overlay");
  const on = LAYERS.some((name) => view.opacity[name] > 0);
  button.textContent = on ? "Hide overlay" : "Show overlay";
  button.setAttribute("aria-pressed", String(on));
}

// The colour bar belongs to the strongest layer on the radiograph.
function showScale() {
  if (!view.radiograph) return;
  const names = MAPS.filter((name) => view.radiograph.maps[name] && view.opacity[name] > 0);
  names.sort((a, b) => view.opacity[b] - view.opacity[a]);
  const name = names[0];
  const map = name ? view.radiograph.drawing.maps[name] : null;
  document.getElementById("scale-peak").textContent = map ? String(map.peak) : "peak";
  document.getElementById("scale-unit").textContent = map
    ? report.units[name].replaceAll("{side}", String(map.side ?? "")).replaceAll("{unit}", map.unit ?? "")
    : "Fraction of a map's largest value on the radiograph.";
}

function drawScaleBar() {
  const bar = document.getElementById("scale-bar");
  const pen = bar.getContext("2d");
  for (let level = 0; level < 256; level += 1) {
    const [red, green, blue] = colourTable.subarray(4 * level, 4 * level + 3);
    pen.fillStyle = `rgb(${red} ${green} ${blue})`;
    pen.fillRect(level, 0, 1, bar.height);
  }
}

function showFacts() {
  const facts = view.radiograph.facts;
  const id = facts.reader ? `${facts.id} · reader ${facts.reader}` : facts.id;
  document.getElementById("case-id").textContent = id;
  document.getElementById("stage-id").textContent = facts.id;
  const verdict = document.getElementById("verdict");
  verdict.textContent =
    report.labels === "independent"
      ? `Label: ${facts.label ?? "not known"}`
      : facts.predicted === null
      ? "The classifier was not trained"
      : facts.right === null
      ? `Predicted ${facts.predicted}, no label`
      : facts.right
        ? `✓ ${facts.label}, predicted correctly`
        : `✕ ${facts.label}, predicted ${facts.predicted}`;
  verdict.className = facts.right === null ? "verdict" : facts.right ? "verdict right-answer" : "verdict wrong";
  const { shown_px: shown, radiograph_px: whole } = view.radiograph.drawing;
  document.getElementById("resolution").textContent =
    `Shown at ${shown.join(" × ")} of the radiograph's ${whole.join(" × ")} px.` +
    (facts.run ? ` Predicted by ${facts.run}.` : "");
  const list = document.getElementById("probs");
  list.replaceChildren();
  for (const [name, probability] of facts.probs) {
    const term = document.createElement("dt");
    term.textContent = name;
    term.title = name;
    if (facts.present.includes(name)) term.className = "label";
    const meter = document.createElement("meter");
    meter.value = probability;
    meter.setAttribute("aria-hidden", "true");
    const bar = document.createElement("dd");
    bar.append(meter);
    const number = document.createElement("dd");
    number.textContent = probability.toFixed(2);
    list.append(term, bar, number);
  }
  document.getElementById("agreement").textContent =
    facts.agreement === null
      ? "There is no predicted heatmap, or no gaze, to compare on this radiograph."
      : `Agreement with the reader's gaze: CC ${facts.agreement.toFixed(2)}` +
        (facts.centre === null ? "." : `; the centre-bias map reaches ${facts.centre.toFixed(2)}.`);
  stage.setAttribute("aria-label", `Radiograph ${facts.id}. ${verdict.textContent}.`);
}

// One small picture per layer: the radiograph with that layer alone.
function showMinis() {
  for (const name of LAYERS) {
    const input = layerInputs[name];
    if (!input) continue;
    const there = view.radiograph.facts.has.includes(name);
    const row = input.closest(".layer");
    input.disabled = !there;
    row.classList.toggle("none", !there);
    const button = row.querySelector(".mini");
    button.disabled = !there;
    const mini = button.querySelector("canvas");
    const pen = mini.getContext("2d");
    pen.globalAlpha = 1;
    pen.fillStyle = "#08090a";
    pen.fillRect(0, 0, mini.width, mini.height);
    const aspect = view.radiograph.facts.aspect;
    const height = Math.min(mini.height, mini.width / aspect);
    const box = [(mini.width - height * aspect) / 2, (mini.height - height) / 2, height * aspect, height];
    pen.imageSmoothingQuality = "high";
    pen.drawImage(view.radiograph.grey, ...box);
    if (view.radiograph.maps[name]) pen.drawImage(view.radiograph.maps[name], ...box);
    if (name === "regions") miniRegions(pen, box);
    if (name === "fixations") miniScanpath(pen, box);
  }
}

// One class's heatmap at a time: the one that was chosen last, if it is drawn of this radiograph.
async function showClassHeatmap() {
  const { radiograph } = view;
  if (!classInput || !radiograph?.drawing.class_heatmaps) return;
  const found = new Map(radiograph.drawing.class_heatmaps);
  const name = found.has(view.className) ? view.className : mostLikely(radiograph.facts, found);
  classInput.replaceChildren(...[...found.keys()].map((each) => new Option(each, each, false, each === name)));
  const image = await decoded("png", found.get(name).png);
  if (view.radiograph !== radiograph || classInput.value !== name) return;
  radiograph.drawing.maps.class_heatmap = found.get(name);
  radiograph.maps.class_heatmap = coloured(image);
  showMinis();
  showScale();
  requestDraw();
}

function mostLikely(facts, among) {
  const own = facts.probs.filter(([name]) => among.has(name));
  return own.reduce((best, each) => (each[1] > best[1] ? each : best))[0];
}

function miniRegions(pen, [left, top, width, height]) {
  pen.strokeStyle = "#f5c04a";
  pen.lineWidth = 1.5;
  for (const { sides } of view.radiograph.drawing.regions) {
    pen.strokeRect(left + sides[0] * width, top + sides[1] * height, (sides[2] - sides[0]) * width, (sides[3] - sides[1]) * height);
  }
}

function miniScanpath(pen, [left, top, width, height]) {
  pen.strokeStyle = "#7cbcf0";
  pen.lineWidth = 1.25;
  pen.beginPath();
  for (const [x, y] of view.radiograph.drawing.fixations) pen.lineTo(left + x * width, top + y * height);
  pen.stroke();
}

function setWindow(level, width, inverted = view.inverted) {
  view.level = Math.min(1, Math.max(0, level));
  view.width = Math.min(1, Math.max(0.05, width));
  view.inverted = inverted;
  for (const [name, value] of [["level", view.level], ["width", view.width]]) {
    const input = document.getElementById(`window-${name}`);
    input.value = String(Math.round(100 * value));
    input.setAttribute("aria-valuetext", `${Math.round(100 * value)} percent of the grey range`);
    document.getElementById(`window-${name}-said`).textContent = `${Math.round(100 * value)} %`;
  }
  document.getElementById("invert").setAttribute("aria-pressed", String(view.inverted));
  applyWindow();
}

function preparePanel() {
  drawScaleBar();
  for (const name of LAYERS) {
    const input = layerInputs[name];
    if (!input) continue;
    input.addEventListener("input", () => setOpacity(name, Number(input.value) / 100));
    input.closest(".layer").querySelector(".mini").addEventListener("click", () => {
      for (const other of LAYERS) setOpacity(other, other === name ? 1 : 0);
    });
    setOpacity(name, 0);
  }
  document.getElementById("overlay").addEventListener("click", toggleOverlay);
  classInput?.addEventListener("change", () => {
    view.className = classInput.value;
    showClassHeatmap();
  });
  const level = document.getElementById("window-level");
  const width = document.getElementById("window-width");
  for (const input of [level, width]) {
    input.addEventListener("input", () => setWindow(Number(level.value) / 100, Number(width.value) / 100));
  }
  document.getElementById("invert").addEventListener("click", () => setWindow(view.level, view.width, !view.inverted));
  document.getElementById("reset").addEventListener("click", () => {
    setWindow(0.5, 1, false);
    zoomTo(1);
  });
  document.getElementById("zoom-in").addEventListener("click", () => zoomTo(view.zoom * 1.5));
  document.getElementById("zoom-out").addEventListener("click", () => zoomTo(view.zoom / 1.5));
}
