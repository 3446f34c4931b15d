// Gets a model and images from the reader in Python; gives it the scores, or what the program said.
async function bytesOf(path) {
  return new Uint8Array(await (await fetch(path)).arrayBuffer());
}

function post(path, body) {
  return fetch(path, { method: "POST", body });
}

async function answer() {
  const [count, ...sides] = await (await fetch("shape")).json();
  const { openModel } = await import("./model.js");
  const model = await openModel(await bytesOf("artifact"));
  const pixels = await bytesOf("pixels");
  const size = pixels.length / count;
  for (let image = 0; image < count; image++) {
    const of_image = pixels.slice(image * size, (image + 1) * size);
    await post("scores", new Blob(await model.run(of_image, [1, ...sides])));
  }
}

try {
  await answer();
  await post("done");
} catch (error) {
  await post("refused", String(error?.message ?? error));
}
