"use strict";
// The order of clips, from a rater's seed. Knows nothing about the page.

/** Numbers in [0, 1) from 32 bits of seed (mulberry32). */
function generator(seed) {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(items, random) {
  const mixed = [...items];
  for (let last = mixed.length - 1; last > 0; last--) {
    const other = Math.floor(random() * (last + 1));
    [mixed[last], mixed[other]] = [mixed[other], mixed[last]];
  }
  return mixed;
}

/**
 * All files of `clips` (the versions of each clip), in rounds: each round shows every clip once,
 * in a version that is drawn. So the versions of a clip lie apart, never next to each other, and
 * who stops early has seen every clip about equally often.
 */
function orderOf(clips, seed) {
  const random = generator(seed);
  const versions = clips.map((files) => shuffled(files, random));
  const order = [];
  let before = -1;
  for (let round = 0; round < clips[0].length; round++) {
    const turns = shuffled(clips.keys(), random);
    if (turns[0] === before && turns.length > 1) {
      const other = 1 + Math.floor(random() * (turns.length - 1));
      [turns[0], turns[other]] = [turns[other], turns[0]];
    }
    order.push(...turns.map((clip) => versions[clip][round]));
    before = turns[turns.length - 1];
  }
  return order;
}
