// A predicted liking with its doubt, as a chance that a person can picture.

import { t, tn } from "./words.js";

const Z90 = 1.645;
const sigmoid = (x) => 1 / (1 + Math.exp(-x));

/**
 * The chance that this is picked over an average one of its kind, with a 90 % interval.
 * score and std: posterior mean and deviation of the utility, in logits (logistic likelihood);
 * the mean over the posterior by the probit approximation of MacKay (1992), kappa = pi / 8.
 */
export function liking(score, std) {
  return {
    mean: sigmoid(score / Math.sqrt(1 + (Math.PI / 8) * std * std)),
    low: sigmoid(score - Z90 * std),
    high: sigmoid(score + Z90 * std),
  };
}

/** "82 % (61 to 93)" */
export function likingWords(score, std) {
  const { mean, low, high } = liking(score, std);
  const p = (share) => Math.round(100 * share);
  return t("{p} % ({low} to {high})", { p: p(mean), low: p(low), high: p(high) });
}

/** Write it into an element; nothing where nothing is known. */
export function tellLiking(node, score, std) {
  if (score === undefined || score === null) return;
  node.textContent = likingWords(score, std ?? 0);
  node.title = LIKING_HELP;
}

export const LIKING_HELP = t("The chance that you would pick this over an average one, with its 90 % interval.");
export const LEVELS = [t("not yet"), t("a first idea"), t("a little"), t("fairly"), t("well"), t("very well")];

/** How often the next answer was guessed right, in words with its interval. */
export function accuracyWords(known) {
  const value = known?.accuracy ?? known?.value;
  if (value === null || value === undefined) return t("No answers guessed yet.");
  const p = (share) => Math.round(100 * share);
  return tn("Guesses your next answer right {p} % of the time, between {low} and {high} % ({n} guess; chance is 50 %).", "Guesses your next answer right {p} % of the time, between {low} and {high} % ({n} guesses; chance is 50 %).", known.n, { p: p(value), low: p(known.low), high: p(known.high) });
}
