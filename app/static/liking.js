// A predicted liking with its doubt, as a chance that a person can picture.

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
  return `${p(mean)} % (${p(low)} to ${p(high)})`;
}

/** Write it into an element; nothing where nothing is known. */
export function tellLiking(node, score, std) {
  if (score === undefined || score === null) return;
  node.textContent = likingWords(score, std ?? 0);
  node.title = LIKING_HELP;
}

export const LIKING_HELP = "The chance that you would pick this over an average one, with its 90 % interval.";
export const LEVELS = ["not yet", "a first idea", "a little", "fairly", "well", "very well"];

/** How often the next answer was guessed right, in words with its interval. */
export function accuracyWords(known) {
  const value = known?.accuracy ?? known?.value;
  if (value === null || value === undefined) return "No answers guessed yet.";
  const p = (share) => Math.round(100 * share);
  return `Guesses your next answer right ${p(value)} % of the time, between ${p(known.low)} and ${p(known.high)} % (${known.n} guesses; chance is 50 %).`;
}
