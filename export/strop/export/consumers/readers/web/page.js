// The page: a photo is chosen, its classes are shown. Nothing leaves the browser.
import { answerOf } from "./answer.js";
import { openModel } from "./model.js";
import { pixelsOf } from "./picture.js";

const [photo, state, shown, list] = ["photo", "state", "shown", "answer"].map((id) =>
  document.getElementById(id),
);

async function fetched(path) {
  const answer = await fetch(path);
  if (!answer.ok) throw new Error(`${path}: ${answer.status} ${answer.statusText}`);
  return answer;
}

function row({ label, value }, isProbability) {
  const item = document.createElement("li");
  const [name, number] = [document.createElement("span"), document.createElement("span")];
  name.textContent = label;
  item.append(name);
  if (value === undefined) return item;
  number.textContent = isProbability ? `${(100 * value).toFixed(1)} %` : value.toPrecision(4);
  item.append(number);
  if (isProbability) item.append(Object.assign(document.createElement("meter"), { value }));
  return item;
}

function line(text) {
  return Object.assign(document.createElement("li"), { textContent: text });
}

async function classify(file, model, contract, labels) {
  const start = performance.now();
  const pixels = await pixelsOf(file, contract);
  const scores = await model.run(pixels, [1, contract.height, contract.width, contract.channels]);
  const rows = contract.outputs.flatMap((rule, at) => {
    const answer = answerOf(scores[at], rule, labels[at]);
    const found = answer.map((each) => row(each, rule.gives_probabilities));
    if (!found.length) found.push(line("No label is set"));
    return contract.outputs.length > 1 ? [line(rule.name), ...found] : found;
  });
  list.replaceChildren(...rows);
  state.textContent = `${(performance.now() - start).toFixed(0)} ms`;
}

async function start() {
  const [contract, labels] = await Promise.all(
    ["model.json", "labels.json"].map(async (path) => (await fetched(path)).json()),
  );
  const bytes = new Uint8Array(await (await fetched(contract.file)).arrayBuffer());
  const model = await openModel(bytes);
  photo.disabled = false;
  state.textContent = "Ready";
  photo.addEventListener("change", async () => {
    const [file] = photo.files;
    if (!file) return;
    URL.revokeObjectURL(shown.src);
    Object.assign(shown, { src: URL.createObjectURL(file), alt: file.name, hidden: false });
    list.replaceChildren();
    state.textContent = "Looking";
    await classify(file, model, contract, labels).catch(failed);
  });
}

function failed(error) {
  state.textContent = `Failed: ${error?.message ?? error}`;
}

start().catch(failed);
