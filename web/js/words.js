/**
 * What is written on timelines, in the language of the page: of locales/LANGUAGE/main.json.
 * Knows nothing about what is drawn.
 */

/** Of `served`, all texts of all packs by language; English where a language lacks one. */
export function wordsIn(served, language) {
  const told = (one) => served?.[one]?.imagineid?.timeline ?? {};
  return { ...told("en"), ...told(language) };
}
