// Looks again at what is under way: soon at first, then seldom, never in a hidden tab, and not for ever.
import { say } from "./parts.js";

const SOON_S = [2, 3, 5, 8, 13];
const THEN_S = 30;
const LONGEST_MS = 10 * 60 * 1000;

// Repeats `look` until it answers false or `isWanted` does.
export async function repeat(look, isWanted) {
  const end = Date.now() + LONGEST_MS;
  for (let round = 0; ; round += 1) {
    await new Promise((resolve) => setTimeout(resolve, (SOON_S[round] ?? THEN_S) * 1000));
    await visible();
    if (!isWanted()) return;
    if (Date.now() > end) {
      say("It is still running. Refresh to look again.");
      return;
    }
    if (!(await look())) return;
  }
}

function visible() {
  if (!document.hidden) return Promise.resolve();
  return new Promise((resolve) => document.addEventListener("visibilitychange", resolve, { once: true }));
}
