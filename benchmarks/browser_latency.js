// Opens all files, runs them in turn on the same images, and posts the times in ms. Each is the first of
// a round as often as the others: what runs after a pause finds a rested processor.
async function bytesOf(path) {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}

function post(path, body) {
  return fetch(path, { method: "POST", body });
}

async function measure({ files, shape, rounds }) {
  const { openModel } = await import("./model.js");
  const models = [];
  for (const file of files) models.push(await openModel(await bytesOf(file)));
  const pixels = await bytesOf("pixels");
  for (let round = 0; round < rounds; round++) {
    const times = new Float32Array(models.length);
    for (let turn = 0; turn < models.length; turn++) {
      const index = (round + turn) % models.length;
      const start = performance.now();
      await models[index].run(pixels, shape);
      times[index] = performance.now() - start;
    }
    await post("scores", times);
  }
}

try {
  await measure(await (await fetch("task")).json());
  await post("done");
} catch (error) {
  await post("refused", String(error?.message ?? error));
}
