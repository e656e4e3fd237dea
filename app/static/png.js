// The settings that a picture of this studio carries: read from the words inside a PNG, here, not sent.

const ODD = 7919; // the noise of picture i of seed s is s * ODD + i, as in app/drawing.py
const SIGNATURE = [137, 80, 78, 71, 13, 10, 26, 10];

/** {prompt, seed, strength, depth} of a file, or null when it tells nothing that was made here. */
export async function settingsOf(file) {
  const words = wordsOf(new Uint8Array(await file.arrayBuffer()));
  if (words.Software !== "Penchant" || !words.Description) return null;
  // The words of the prompt come first and may say "Seed: 5" themselves; the settings are the last line.
  const last = (words.parameters ?? "").split("\n").pop();
  const number = (name) => Number(new RegExp(`\\b${name}: ([\\d.]+)`).exec(last)?.[1]);
  const seed = number("Seed");
  if (!Number.isFinite(seed)) return null;
  const depth = /\bDepth: ([a-z]+)/.exec(last)?.[1];
  return { prompt: words.Description, seed: Math.floor(seed / ODD), strength: Math.min(1, number("Taste") || 0), depth };
}

function wordsOf(bytes) {
  const found = {};
  if (!SIGNATURE.every((byte, k) => bytes[k] === byte)) return found;
  const view = new DataView(bytes.buffer);
  for (let at = 8; at + 12 <= bytes.length; ) {
    const length = view.getUint32(at);
    const kind = String.fromCharCode(...bytes.subarray(at + 4, at + 8));
    const body = bytes.subarray(at + 8, at + 8 + length);
    const told = kind === "tEXt" ? plain(body) : kind === "iTXt" ? wide(body) : null;
    if (told) found[told[0]] = told[1];
    if (kind === "IEND") break;
    at += 12 + length;
  }
  return found;
}

const latin = (bytes) => new TextDecoder("latin1").decode(bytes);

function plain(body) {
  const end = body.indexOf(0);
  return end > 0 ? [latin(body.subarray(0, end)), latin(body.subarray(end + 1))] : null;
}

// keyword 0 compressed method language 0 translated 0 text; compressed ones are not ours.
function wide(body) {
  const end = body.indexOf(0);
  const language = body.indexOf(0, end + 3);
  const translated = body.indexOf(0, language + 1);
  if (end < 1 || body[end + 1] || language < 0 || translated < 0) return null;
  return [latin(body.subarray(0, end)), new TextDecoder().decode(body.subarray(translated + 1))];
}
