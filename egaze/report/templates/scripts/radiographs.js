// The radiographs' data and pictures, read and decoded when they are needed.

const report = JSON.parse(document.getElementById("report-data").textContent);
const radiographs = report.radiographs;
const MAPS = ["gaze", "predicted", "class_heatmap", "grad_cam"];
// Number of decoded radiographs that are kept, because users go back and forth among a few.
const KEPT = 16;

const colourTable = Uint8Array.from(atob(report.colours), (letter) => letter.charCodeAt(0));
const drawings = new Map();
const opened = new Map();

function drawingOf(number) {
  if (!drawings.has(number)) {
    drawings.set(number, JSON.parse(document.getElementById(`radiograph-${number}`).textContent));
    if (drawings.size > KEPT) drawings.delete(drawings.keys().next().value);
  }
  return drawings.get(number);
}

async function decoded(kind, base64) {
  const image = new Image();
  image.src = `data:image/${kind};base64,${base64}`;
  await image.decode();
  return image;
}

function canvasOf(image) {
  const canvas = document.createElement("canvas");
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  canvas.getContext("2d", { willReadFrequently: true }).drawImage(image, 0, 0);
  return canvas;
}

// Grey levels become colours; the lower the level, the more of the radiograph shows through.
function coloured(image) {
  const canvas = canvasOf(image);
  const context = canvas.getContext("2d");
  const pixels = context.getImageData(0, 0, canvas.width, canvas.height);
  for (let i = 0; i < pixels.data.length; i += 4) {
    const level = 4 * pixels.data[i];
    for (let part = 0; part < 4; part += 1) pixels.data[i + part] = colourTable[level + part];
  }
  context.putImageData(pixels, 0, 0);
  return canvas;
}

async function decodedMaps(drawing) {
  const names = MAPS.filter((name) => drawing.maps[name]);
  const images = await Promise.all(names.map((name) => decoded("png", drawing.maps[name].png)));
  return Object.fromEntries(names.map((name, place) => [name, coloured(images[place])]));
}

async function decodedRadiograph(number) {
  const drawing = drawingOf(number);
  const [radiograph, maps] = await Promise.all([decoded("jpeg", drawing.radiograph), decodedMaps(drawing)]);
  const grey = canvasOf(radiograph);
  const levels = grey.getContext("2d").getImageData(0, 0, grey.width, grey.height);
  return { number, facts: radiographs[number], drawing, grey, levels, maps };
}

function openRadiograph(number) {
  const found = opened.get(number) ?? decodedRadiograph(number);
  opened.delete(number);
  opened.set(number, found);
  if (opened.size > KEPT) opened.delete(opened.keys().next().value);
  return found;
}
