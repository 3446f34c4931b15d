// Runs an .onnx by onnxruntime-web on the CPU.
// Source: https://onnxruntime.ai/docs/tutorials/web/
import { env, InferenceSession, Tensor } from "onnxruntime-web";

env.wasm.numThreads = 1; // more need a page that is cross-origin isolated

/**
 * Opens a model.
 * @param {Uint8Array} bytes The .onnx; its input is uint8 or float32, [images, height, width, channels].
 * @returns An object with run(pixels, shape), which takes uint8 values 0..255 and gives the scores of
 *     each output, a Float32Array, in the file's order.
 */
export async function openModel(bytes) {
  const session = await InferenceSession.create(bytes, { executionProviders: ["wasm"] });
  const [{ name, type }] = session.inputMetadata;
  return {
    async run(pixels, shape) {
      const values = type === "float32" ? Float32Array.from(pixels) : pixels;
      const results = await session.run({ [name]: new Tensor(type, values, shape) });
      return session.outputNames.map((output) => Float32Array.from(results[output].data));
    },
  };
}
