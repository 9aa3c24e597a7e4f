// How much of an attack runs. `npm test` runs each attack in a small form, all of them within two minutes; `npm run attack` runs
// them whole.

/** True under `npm run attack`. */
export const isWhole = process.env.STARLING_ATTACK === 'whole';

/** The size of an attack: the second one when it runs whole. */
export function sized(small: number, whole: number): number {
  return isWhole ? whole : small;
}
