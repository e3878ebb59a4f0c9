// Who looks at the page: the token stays in this tab, and is forgotten when nobody uses it.
import { redraw, state, update } from "./view.js";

const IDLE_MS = 30 * 60 * 1000;
const LOOK_MS = 30 * 1000;
const NOTE_MS = 5 * 1000;
export const READ_ONLY = "Your token may only read.";

// Everything before the last /console: a gateway's prefix may hold the word, too.
export const base = location.pathname.slice(0, location.pathname.lastIndexOf("/console"));
// Storage belongs to a host, and two deployments may share one.
const TOKEN_KEY = `oci-vault-sync ${base}`;

let kept = storedToken();
let waiting = [];
let turn = 0;

function storedToken() {
  const found = JSON.parse(sessionStorage.getItem(TOKEN_KEY));
  return found && Date.now() - found.usedAt < IDLE_MS ? found : null;
}

export const token = () => kept?.token ?? null;
// Counts how often the token was asked for and given: a late refusal is of an earlier turn, though the text is the same.
export const tokenTurn = () => turn;

export function keepToken(text) {
  kept = { token: text, usedAt: Date.now() };
  sessionStorage.setItem(TOKEN_KEY, JSON.stringify(kept));
}

// The form content and the place are kept: only the token is asked for.
export function askForToken(why) {
  kept = null;
  turn += 1;
  sessionStorage.removeItem(TOKEN_KEY);
  update(state, { session: null, tokenAskedFor: why ?? "" });
}

// Waits until somebody has given a token that works.
export const tokenGiven = () => new Promise((resolve) => waiting.push(resolve));

export function begin(session) {
  turn += 1;
  update(state, { session, tokenAskedFor: null });
  for (const resolve of waiting.splice(0)) resolve();
  state.onBegin();
}

export function forgetToken() {
  waiting = [];
  update(state, { screen: null, projects: null, dialogs: [] });
  askForToken("");
}

function noteUse() {
  const now = Date.now();
  if (kept && now - kept.usedAt > NOTE_MS && !forgetIfIdle()) keepToken(kept.token);
}

function forgetIfIdle() {
  if (!kept || Date.now() - kept.usedAt < IDLE_MS) return false;
  askForToken("Nobody used this page for 30 minutes, so the token was forgotten.");
  return true;
}

export function watchIdleness() {
  for (const event of ["pointerdown", "keydown"]) addEventListener(event, noteUse, true);
  for (const event of ["focus", "pageshow"]) addEventListener(event, forgetIfIdle);
  document.addEventListener("visibilitychange", forgetIfIdle);
  setInterval(forgetIfIdle, LOOK_MS);
  // "2 min ago" grows older.
  setInterval(redraw, LOOK_MS);
}

// The props of a control that changes something: a token that may only read cannot use it.
export function changing(props = {}) {
  if (state.session?.role === "full") return props;
  return { ...props, disabled: true, title: READ_ONLY, "aria-describedby": "read-only" };
}
