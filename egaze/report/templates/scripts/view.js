// The radiograph on the stage: grey window, zoom and pan, layers. `draw` shows what `view` says and changes nothing in it.

const stage = document.getElementById("stage");
const canvas = stage.querySelector("canvas");
const context = canvas.getContext("2d");
const MAX_ZOOM = 12;

const view = {
  radiograph: null,
  zoom: 1,
  x: 0.5,
  y: 0.5,
  level: 0.5,
  width: 1,
  inverted: false,
  opacity: { gaze: 0, predicted: 0, class_heatmap: 0, grad_cam: 0, regions: 0, fixations: 0 },
  className: null,
  time_s: 0,
  end_s: 0,
};

let windowed = null;
let drawWanted = false;

function requestDraw() {
  if (drawWanted) return;
  drawWanted = true;
  requestAnimationFrame(() => {
    drawWanted = false;
    draw();
  });
}

// The radiograph's place on the canvas, in the canvas's pixels.
function radiographPlace() {
  const aspect = view.radiograph.facts.aspect;
  const fit = Math.min(canvas.width / aspect, canvas.height);
  const height = fit * view.zoom;
  const width = height * aspect;
  return { left: canvas.width / 2 - view.x * width, top: canvas.height / 2 - view.y * height, width, height };
}

function draw() {
  context.setTransform(1, 0, 0, 1, 0, 0);
  context.globalAlpha = 1;
  context.fillStyle = "#08090a";
  context.fillRect(0, 0, canvas.width, canvas.height);
  if (!view.radiograph) return;
  const place = radiographPlace();
  context.imageSmoothingQuality = "high";
  context.drawImage(windowed ?? view.radiograph.grey, place.left, place.top, place.width, place.height);
  for (const name of MAPS) {
    const map = view.radiograph.maps[name];
    if (!map || view.opacity[name] === 0) continue;
    context.globalAlpha = view.opacity[name];
    context.drawImage(map, place.left, place.top, place.width, place.height);
  }
  if (view.opacity.regions > 0) drawRegions(place);
  if (view.opacity.fixations > 0) drawScanpath(place);
  context.globalAlpha = 1;
}

// Levels from `level` - `width` / 2, black, to `level` + `width` / 2, white.
function applyWindow() {
  if (!view.radiograph) return;
  if (view.level === 0.5 && view.width === 1 && !view.inverted) {
    windowed = null;
  } else {
    const table = new Uint8ClampedArray(256);
    for (let grey = 0; grey < 256; grey += 1) {
      const share = (grey / 255 - view.level) / view.width + 0.5;
      table[grey] = 255 * (view.inverted ? 1 - share : share);
    }
    const { width, height, data } = view.radiograph.levels;
    const pixels = new ImageData(width, height);
    for (let i = 0; i < data.length; i += 4) {
      pixels.data[i] = pixels.data[i + 1] = pixels.data[i + 2] = table[data[i]];
      pixels.data[i + 3] = 255;
    }
    windowed = document.createElement("canvas");
    windowed.width = width;
    windowed.height = height;
    windowed.getContext("2d").putImageData(pixels, 0, 0);
  }
  requestDraw();
}

function drawRegions(place) {
  const scale = devicePixelRatio;
  context.globalAlpha = view.opacity.regions;
  context.font = `${12 * scale}px Inter, system-ui, sans-serif`;
  for (const region of view.radiograph.drawing.regions) {
    const [x0, y0, x1, y1] = region.sides;
    const left = place.left + x0 * place.width;
    const top = place.top + y0 * place.height;
    const width = (x1 - x0) * place.width;
    const height = (y1 - y0) * place.height;
    context.beginPath();
    if (region.outline) {
      for (const [fromX, fromY, toX, toY] of region.outline) {
        context.moveTo(place.left + fromX * place.width, place.top + fromY * place.height);
        context.lineTo(place.left + toX * place.width, place.top + toY * place.height);
      }
    } else if (region.shape === "ellipse") {
      context.ellipse(left + width / 2, top + height / 2, width / 2, height / 2, 0, 0, 2 * Math.PI);
    } else {
      context.rect(left, top, width, height);
    }
    context.setLineDash(region.finding ? [] : [5 * scale, 4 * scale]);
    outline(region.finding ? "#f5c04a" : "#c9d4de", region.finding ? 2 : 1.25);
    context.setLineDash([]);
    written(region.name, left + 4 * scale, top + 14 * scale, region.finding ? "#f5c04a" : "#c9d4de");
  }
}

// A dark edge keeps a line visible on white and on black.
function outline(colour, width_px) {
  context.strokeStyle = "rgb(0 0 0 / 65%)";
  context.lineWidth = (width_px + 2) * devicePixelRatio;
  context.stroke();
  context.strokeStyle = colour;
  context.lineWidth = width_px * devicePixelRatio;
  context.stroke();
}

function written(words, x, y, colour, align = "start") {
  context.textAlign = align;
  context.lineJoin = "round";
  context.strokeStyle = "rgb(0 0 0 / 75%)";
  context.lineWidth = 3 * devicePixelRatio;
  context.strokeText(words, x, y);
  context.fillStyle = colour;
  context.fillText(words, x, y);
}

function zoomTo(zoom, at = null) {
  if (!view.radiograph) return;
  const before = radiographPlace();
  const x = at ? at.x : canvas.width / 2;
  const y = at ? at.y : canvas.height / 2;
  const radiographX = (x - before.left) / before.width;
  const radiographY = (y - before.top) / before.height;
  view.zoom = Math.min(MAX_ZOOM, Math.max(1, zoom));
  const after = radiographPlace();
  // The point under the pointer stays where it is.
  view.x = radiographX - (x - canvas.width / 2) / after.width;
  view.y = radiographY - (y - canvas.height / 2) / after.height;
  keepInSight();
}

function panBy(x_px, y_px) {
  if (!view.radiograph) return;
  const place = radiographPlace();
  view.x -= x_px / place.width;
  view.y -= y_px / place.height;
  keepInSight();
}

function keepInSight() {
  const place = radiographPlace();
  const marginX = Math.min(0.5, canvas.width / 2 / place.width);
  const marginY = Math.min(0.5, canvas.height / 2 / place.height);
  view.x = Math.min(1 - marginX, Math.max(marginX, view.x));
  view.y = Math.min(1 - marginY, Math.max(marginY, view.y));
  document.getElementById("zoom-said").textContent = `${Math.round(100 * view.zoom)} %`;
  requestDraw();
}

function resizeStage() {
  const side = stage.getBoundingClientRect();
  canvas.width = Math.max(1, Math.round(side.width * devicePixelRatio));
  canvas.height = Math.max(1, Math.round(side.height * devicePixelRatio));
  if (view.radiograph) keepInSight();
}
