// Runs a .tflite by LiteRT.js on the CPU.
// Source: https://ai.google.dev/edge/litert/web
import { loadAndCompile, loadLiteRt, Tensor } from "@litertjs/core";

const WASM = new URL("./node_modules/@litertjs/core/wasm/", document.baseURI).href;
const STEPS = 256; // of a uint8 probability: LiteRT.js does not show the scale, which is 1/256
let loading; // the program itself, once for all models

/**
 * Opens a model.
 * @param {Uint8Array} bytes The .tflite; its input is uint8 or float32, [1, height, width, channels].
 * @returns An object with run(pixels, shape), which takes uint8 values 0..255 and gives the scores of
 *     each output, a Float32Array, in the file's order.
 */
export async function openModel(bytes) {
  await (loading ??= loadLiteRt(WASM));
  const model = await loadAndCompile(bytes, { accelerator: "wasm" });
  const [{ dtype }] = model.getInputDetails();
  return {
    async run(pixels, shape) {
      const values = dtype === "float32" ? Float32Array.from(pixels) : pixels;
      const input = new Tensor(values, shape);
      const results = await model.run(input);
      const scores = await Promise.all(results.map(async (tensor) => real(await tensor.data())));
      for (const tensor of [input, ...results]) tensor.delete();
      return scores;
    },
  };
}

function real(scores) {
  if (scores instanceof Float32Array) return scores;
  return Float32Array.from(scores, (code) => code / STEPS);
}
