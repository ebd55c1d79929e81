// Placing a radiograph on the model's canvas and resizing it to the model's input, by the definition of
// `csrc/kernels/placing.cpp`. An image is { values, height, width }.

const WHITE = 65535;

// Returns the canvas with values in 0..65535.
export function placeOnCanvas(radiograph, spec) {
  const { canvas_height_px: height, canvas_width_px: width } = spec;
  const where = rectangle(radiograph, height, width, spec.fit);
  const placed = resize(radiograph, where.height, where.width, "area");
  const values = new Float64Array(height * width);
  for (let y = 0; y < where.height; y++) {
    for (let x = 0; x < where.width; x++) {
      const grey = WHITE * placed.values[y * where.width + x];
      values[(where.top + y) * width + where.left + x] = Math.min(Math.round(grey), WHITE);
    }
  }
  return { values, height, width };
}

// Returns the float32 values in [0, 1] of the model's input.
export function toInput(canvas, height, width) {
  const grows = height > canvas.height || width > canvas.width;
  const { values } = resize(canvas, height, width, grows ? "bilinear" : "area");
  return Float32Array.from(values, (value) => Math.min(Math.max(value / WHITE, 0), 1));
}

function rectangle(radiograph, height, width, fit) {
  if (fit === "stretch") return { top: 0, left: 0, height, width };
  const scale = Math.min(height / radiograph.height, width / radiograph.width);
  const side = (pixels, most) => Math.min(Math.max(Math.floor(pixels * scale + 0.5), 1), most);
  const sides = { height: side(radiograph.height, height), width: side(radiograph.width, width) };
  return { top: (height - sides.height) >> 1, left: (width - sides.width) >> 1, ...sides };
}

function resize(image, height, width, filter) {
  const columns = taps(image.width, width, filter);
  const narrow = new Float64Array(image.height * width);
  for (let y = 0; y < image.height; y++) {
    for (let x = 0; x < width; x++) {
      narrow[y * width + x] = weigh(columns[x], (at) => image.values[y * image.width + at]);
    }
  }
  const rows = taps(image.height, height, filter);
  const values = new Float64Array(height * width);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) values[y * width + x] = weigh(rows[y], (at) => narrow[at * width + x]);
  }
  return { values, height, width };
}

function weigh({ begin, weights }, valueAt) {
  let sum = 0;
  for (let place = 0; place < weights.length; place++) sum += weights[place] * valueAt(begin + place);
  return sum;
}

// For each output pixel along one axis the first input pixel and the weights from there on, which sum to 1.
function taps(size, out, filter) {
  const scale = size / out;
  return Array.from({ length: out }, (_, place) => {
    const low = place * scale;
    const centre = low + 0.5 * scale;
    const reach = filter === "area" ? 0.5 * scale : Math.max(scale, 1);
    const begin = Math.min(size - 1, Math.floor(Math.max(0, centre - reach)));
    const end = Math.max(Math.ceil(Math.min(size, centre + reach)), begin + 1);
    const weights = Array.from({ length: end - begin }, (_, step) => {
      const at = begin + step;
      // The covered fraction of the pixel, or a triangle.
      const weight =
        filter === "area"
          ? Math.min(low + scale, at + 1) - Math.max(low, at)
          : 1 - Math.abs(at + 0.5 - centre) / reach;
      return Math.max(weight, 0);
    });
    const sum = weights.reduce((total, weight) => total + weight, 0);
    return { begin, weights: weights.map((weight) => weight / sum) };
  });
}
