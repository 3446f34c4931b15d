// From a model's scores to its answer, by the rule of model.json.

const MOST = 5; // classes that are named

/** Applies the activation that the file leaves to its user. */
export function outputsOf(scores, activation) {
  if (activation === "sigmoid") return Array.from(scores, (score) => 1 / (1 + Math.exp(-score)));
  if (activation !== "softmax") return Array.from(scores);
  const most = scores.reduce((a, b) => Math.max(a, b));
  const powers = Array.from(scores, (score) => Math.exp(score - most));
  const sum = powers.reduce((a, b) => a + b);
  return powers.map((power) => power / sum);
}

/**
 * Names what one output says of an image.
 * @param scores Of one image.
 * @param rule activation, task and thresholds of the output in model.json.
 * @param {string[]} labels One per class; of a binary task two; empty where they are unknown.
 * @returns {{label: string, value: number}[]} The best classes, best first, of equal ones the first;
 *     of a binary task the one answer; of a multilabel task each label that is set; of a regression
 *     each number; of vectors, maps, points and boxes how many numbers there are.
 */
export function answerOf(scores, { activation, task, thresholds }, labels) {
  const outputs = outputsOf(scores, activation);
  const named = outputs.map((value, index) => ({ label: labels[index] ?? String(index), value }));
  if (task === "binary") {
    const index = Number(outputs[0] >= thresholds[0]);
    return [{ label: labels[index] ?? String(index), value: outputs[0] }];
  }
  if (task === "multilabel") return named.filter(({ value }, index) => value >= thresholds[index]);
  if (task === "regress") return named;
  if (task !== "classify") return [{ label: `${outputs.length} numbers` }];
  return named.sort((a, b) => b.value - a.value).slice(0, MOST);
}
