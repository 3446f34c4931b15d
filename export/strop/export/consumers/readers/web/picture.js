// From an image file to the pixels that the model takes: what strop's runtime does, in a browser.
// Sources: torchvision.transforms.Resize and CenterCrop (the box); Pillow 13, src/libImaging/Resample.c.

const PRECISION_BITS = 22; // of a weight: 32 bits less 8 of a pixel and 2 of room
const STRIP_PIXELS = 1 << 20; // read from the canvas at once
const BACKGROUND = "white"; // under whatever is transparent

/**
 * Decodes and resizes a file, upright. Colour profiles are not applied.
 * @param {Blob} file JPEG, PNG, BMP or WebP.
 * @param rule height, width, channels, resize and crop_fraction of model.json.
 * @returns {Promise<Uint8Array>} [height, width, channels], RGB or grey, 0..255.
 */
export async function pixelsOf(file, rule) {
  const bitmap = await createImageBitmap(file, {
    colorSpaceConversion: "none",
    imageOrientation: "from-image",
  });
  const { width, height } = bitmap;
  const bytes = bytesOf(bitmap, rule.channels);
  bitmap.close();
  const [left, top, right, bottom] = boxOf(width, height, rule);
  const across = weightsOf(width, left, right, rule.width);
  const down = weightsOf(height, top, bottom, rule.height);
  const fewerRows = height - rule.height;
  if (fewerRows > 0 && fewerRows > 2 * (width - rule.width)) {
    const low = weighted(bytes, 1, width * rule.channels, down);
    return weighted(low, rule.height, rule.channels, across);
  }
  const narrow = weighted(bytes, height, rule.channels, across);
  return weighted(narrow, 1, rule.width * rule.channels, down);
}

/** All pixels, over the background: [height, width, channels]. A strip at a time saves memory. */
function bytesOf(bitmap, channels) {
  const { width, height } = bitmap;
  const rows = Math.min(height, Math.ceil(STRIP_PIXELS / width));
  const context = new OffscreenCanvas(width, rows).getContext("2d", { willReadFrequently: true });
  context.fillStyle = BACKGROUND;
  const bytes = new Uint8Array(height * width * channels);
  for (let top = 0, at = 0; top < height; top += rows) {
    context.fillRect(0, 0, width, rows);
    context.drawImage(bitmap, 0, -top);
    const { data } = context.getImageData(0, 0, width, Math.min(rows, height - top));
    for (let from = 0; from < data.length; from += 4) {
      if (channels === 1) {
        // Luma, ITU-R 601, in 16 bits.
        const luma = data[from] * 19595 + data[from + 1] * 38470 + data[from + 2] * 7471;
        bytes[at++] = (luma + 32768) >> 16;
      } else {
        for (let channel = 0; channel < 3; channel++) bytes[at++] = data[from + channel];
      }
    }
  }
  return bytes;
}

/** The part of the image that becomes the model's input: left, top, right, bottom. */
function boxOf(width, height, rule) {
  if (rule.resize === "stretch") return [0, 0, width, height];
  const fitWidth = Math.max(rule.width, rounded(rule.width / rule.crop_fraction));
  const fitHeight = Math.max(rule.height, rounded(rule.height / rule.crop_fraction));
  const isTall = width * fitHeight <= height * fitWidth;
  const toWidth = isTall ? fitWidth : Math.max(fitWidth, Math.floor((fitHeight * width) / height));
  const toHeight = isTall ? Math.max(fitHeight, Math.floor((fitWidth * height) / width)) : fitHeight;
  const left = rounded((toWidth - rule.width) / 2);
  const top = rounded((toHeight - rule.height) / 2);
  const [x, y] = [width / toWidth, height / toHeight];
  return [
    left * x,
    top * y,
    Math.min(width, (left + rule.width) * x),
    Math.min(height, (top + rule.height) * y),
  ];
}

/** Half to even, as Python rounds. */
function rounded(value) {
  const nearest = Math.round(value);
  return Math.abs(value % 1) === 0.5 && nearest % 2 !== 0 ? nearest - 1 : nearest;
}

/** For each output pixel the first of its input pixels, and a weight for each from there on. */
function weightsOf(size, from, to, outputs) {
  const start = Math.fround(from); // Pillow's box has 32-bit floats
  const scale = Math.fround(Math.fround(to) - start) / outputs;
  const support = Math.max(1, scale); // of a triangle, wider where the image shrinks
  const taps = Array.from({ length: outputs }, (_, output) => {
    const centre = start + (output + 0.5) * scale;
    const first = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(size, Math.trunc(centre + support + 0.5));
    const shares = Array.from({ length: end - first }, (_, index) =>
      Math.max(0, 1 - Math.abs((first + index - centre + 0.5) * (1 / support))),
    );
    const sum = shares.reduce((total, share) => total + share, 0);
    const weights = shares.map((share) => Math.trunc(0.5 + (share / sum) * 2 ** PRECISION_BITS));
    return { first, weights: Int32Array.from(weights) };
  });
  return { size, taps };
}

/** Resizes the middle axis of bytes [outer, size, inner]. */
function weighted(bytes, outer, inner, { size, taps }) {
  const result = new Uint8Array(outer * taps.length * inner);
  let into = 0;
  for (let row = 0; row < outer; row++) {
    for (const { first, weights } of taps) {
      const start = (row * size + first) * inner;
      for (let index = start; index < start + inner; index++) {
        let sum = 2 ** (PRECISION_BITS - 1);
        for (let tap = 0, at = index; tap < weights.length; tap++, at += inner) {
          sum += bytes[at] * weights[tap];
        }
        result[into++] = Math.min(255, sum >> PRECISION_BITS);
      }
    }
  }
  return result;
}
