// Predicts radiographs with an ONNX file of egaze: the same probabilities as `egaze predict` and `egaze-run`.
//
//   npm install
//   node predict.mjs model.onnx radiograph.npy...
//
// A radiograph is a .npy array of grey values in the MONOCHROME2 sense (black is 0): uint8, uint16, or float32 in
// [0, 1]. Prints one JSON object. Research software, not a medical device.

import { createHash } from "node:crypto";
import { readFile } from "node:fs/promises";
import process from "node:process";
import * as ort from "onnxruntime-node";

import { placeOnCanvas, toInput } from "./placing.mjs";
import { readNpy } from "./npy.mjs";
import { readSpec } from "./spec.mjs";

const [modelPath, ...radiographs] = process.argv.slice(2);
if (radiographs.length === 0) {
  console.error("usage: node predict.mjs model.onnx radiograph.npy...");
  process.exit(2);
}
try {
  const content = await readFile(modelPath);
  const spec = readSpec(content, (bytes) => createHash("sha256").update(bytes).digest("hex"));
  const session = await ort.InferenceSession.create(content);
  const predictions = [];
  for (const path of radiographs) predictions.push(await predict(session, spec, path));
  console.log(JSON.stringify({ model: modelPath, class_names: spec.class_names, predictions }, null, 2));
} catch (error) {
  console.error(`predict.mjs: error: ${String(error.message).split("\n")[0]}`);
  process.exitCode = 1;
}

async function predict(session, spec, path) {
  const canvas = placeOnCanvas(readNpy(await readFile(path), path), spec);
  const { input_height_px: height, input_width_px: width } = spec;
  const image = new ort.Tensor("float32", toInput(canvas, height, width), [1, 1, height, width]);
  const { class_probs: probs, heatmap } = await session.run({ image });
  for (const values of [probs.data, heatmap.data]) {
    if (!values.every((value) => value >= 0 && value <= 1)) throw new Error("the model gave values outside [0, 1]");
  }
  const prediction = {
    image: path,
    class_probs: Object.fromEntries(spec.class_names.map((name, place) => [name, probs.data[place]])),
  };
  if (spec.heatmap_head) prediction.heatmap_peak = peakOf(heatmap.data, height, width);
  return prediction;
}

// The place of the maximum as fractions of the model's input.
function peakOf(values, height, width) {
  let at = 0;
  for (let place = 1; place < values.length; place++) if (values[place] > values[at]) at = place;
  return { x: ((at % width) + 0.5) / width, y: (Math.floor(at / width) + 0.5) / height };
}
