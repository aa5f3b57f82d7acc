// Which tokens of a text became easy when: the same as llm_core/evaluate/easy_tokens.py, which says what it means.
const CLASSES = ["frequent", "middle", "rare"];

// steps (S), losses (S, T), unigram and threshold (T) to {since, classes, classLosses, classEasy}; since and classes are -1
// where a token is not easy at the end, or is not asked for.
function easyTokens(steps, losses, unigram, threshold) {
  const easy = losses.map((row) => row.map((loss, place) => loss !== null && threshold[place] !== null && loss < threshold[place]));
  for (let index = easy.length - 2; index >= 0; index--) easy[index] = easy[index].map((now, place) => now && easy[index + 1][place]);
  const since = threshold.map((_limit, place) => steps[easy.findIndex((row) => row[place])] ?? -1);
  const asked = threshold.flatMap((limit, place) => (limit !== null && losses.some((row) => row[place] !== null) ? [place] : []));
  asked.sort((a, b) => unigram[a] - unigram[b]);
  const classes = threshold.map(() => -1);
  const [each, more] = [Math.floor(asked.length / CLASSES.length), asked.length % CLASSES.length];
  const members = CLASSES.map((_name, number) => asked.slice(number * each + Math.min(number, more), (number + 1) * each + Math.min(number + 1, more)));
  members.forEach((places, number) => places.forEach((place) => (classes[place] = number)));
  const mean = (places, value) => (places.length ? places.reduce((sum, place) => sum + value(place), 0) / places.length : null);
  return {
    since,
    classes,
    classLosses: members.map((places) => losses.map((row) => mean(places, (place) => row[place] ?? NaN))),
    classEasy: members.map((places) => easy.map((row) => mean(places, (place) => Number(row[place])))),
  };
}
