// From logits to what can be drawn: penalty, temperature, top-k, top-p, min-p, in the order and by the rules of
// llm_core/inference/decoding.py, which a test holds this against. In 64-bit floats; knows no page.
function softmaxOf(scores) {
  let highest = -Infinity;
  for (const score of scores) if (score > highest) highest = score;
  const shares = new Float64Array(scores.length);
  let total = 0;
  scores.forEach((score, token) => {
    shares[token] = Math.exp(score - highest);
    total += shares[token];
  });
  return shares.map((share) => share / total);
}

// Tokens that the text already has become less likely (Keskar 2019).
function penalizedOf(logits, seen, penalty) {
  const scores = Float64Array.from(logits);
  if (penalty !== 1) for (const token of seen) scores[token] = scores[token] < 0 ? scores[token] * penalty : scores[token] / penalty;
  return scores;
}

// Each cut works on what the ones before it have left; the likeliest token always stays.
function truncatedOf(scores, { top_k, top_p, min_p }) {
  const left = Float64Array.from(scores);
  if (top_k !== null && top_k < left.length) {
    const least = Float64Array.from(left).sort()[left.length - top_k];
    left.forEach((score, token) => {
      if (score < least) left[token] = -Infinity;
    });
  }
  if (top_p < 1) {
    const shares = softmaxOf(left);
    const order = Uint32Array.from(left.keys()).sort((one, other) => left[other] - left[one] || one - other);
    let before = 0;
    for (const token of order) {
      if (before >= top_p) left[token] = -Infinity;
      before += shares[token];
    }
  }
  if (min_p > 0) {
    const shares = softmaxOf(left);
    const least = min_p * shares.reduce((most, share) => Math.max(most, share), 0);
    shares.forEach((share, token) => {
      if (share < least) left[token] = -Infinity;
    });
  }
  return left;
}

// before: the model's own shares · after: those that are drawn from, 0 where cut · kept: how many stay · mass: what they
// had together just before the cut.
function distributionOf(logits, seen, settings) {
  const scores = penalizedOf(logits, seen, settings.repetition_penalty).map((score) => score / settings.temperature);
  const left = truncatedOf(scores, settings);
  const uncut = softmaxOf(scores);
  let [kept, mass] = [0, 0];
  left.forEach((score, token) => {
    if (score === -Infinity) return;
    kept += 1;
    mass += uncut[token];
  });
  return { before: softmaxOf(logits), after: softmaxOf(left), kept, mass };
}

const entropyBitsOf = (shares) => -shares.reduce((sum, share) => (share > 0 ? sum + share * Math.log2(share) : sum), 0);
