// The frame around all screens, and which screen an address shows.
import { attempt } from "./actions.js";
import { connectionsScreen } from "./connections.js";
import { detailsScreen, download } from "./details.js";
import { dialogViews, openDialog } from "./dialogs.js";
import { get, send } from "./http.js";
import { listScreen } from "./list.js";
import { loginView } from "./login.js";
import { button, clickedElsewhere, code, errorBox, menu, say, time } from "./parts.js";
import { planScreen } from "./planned.js";
import { READ_ONLY, begin, changing, forgetToken, token, watchIdleness } from "./session.js";
import { h, start, state, update } from "./view.js";
import { loadProjects, wizardScreen } from "./wizard.js";

const PRODUCT = "oci-vault-sync";
const SAID_MS = 1000;
const ROUTES = [
  [/^\/syncs\/new$/, () => wizardScreen("new")],
  [/^\/syncs\/([0-9a-f-]+)$/, detailsScreen],
  [/^\/syncs\/([0-9a-f-]+)\/plan$/, planScreen],
  [/^\/syncs\/([0-9a-f-]+)\/(edit|duplicate)(?:\/(\w+))?$/, (id, mode, step) => wizardScreen(mode, id, step)],
  [/^\/connections$/, connectionsScreen],
  [/^/, listScreen],
];
const KEYS = {
  "/": "filter the list",
  "?": "show these keys",
  Esc: "close a dialog or menu",
  Enter: "next step of the wizard",
};

let place = location.hash;

function open() {
  place = location.hash;
  const path = place.slice(1);
  const [pattern, make] = ROUTES.find(([one]) => one.test(path));
  // What an action said on the way here stays.
  if (Date.now() - state.saidAt > SAID_MS) say("");
  // What was opened before counts no more.
  state.screen = null;
  const screen = make(...pattern.exec(path).slice(1));
  update(state, { screen, number: (state.number ?? 0) + 1, failed: null, dialogs: [] });
}

function moved() {
  if (location.hash === place || !state.session) return;
  if (!state.screen?.isDirty?.()) return open();
  const wanted = location.hash;
  history.replaceState(null, "", place);
  openDialog("Leave without saving?", (close) => [
    h("p", "What you have entered is lost then."),
    button(
      "Leave",
      () => {
        state.screen.isDirty = null;
        close();
        location.hash = wanted;
      },
      { class: "danger" },
    ),
  ]);
}

function frame() {
  const isIn = Boolean(state.session) && state.tokenAskedFor === null;
  document.title = `${isIn ? (state.screen?.title ?? "Syncs") : "Sign in"} – ${PRODUCT}`;
  return [
    h("a.skip", { href: "#main", onclick: skip }, "Skip to the content"),
    header(isIn),
    h(
      "main",
      { id: "main", tabindex: "-1" },
      notices(isIn),
      isIn ? h("div", { key: state.number }, state.screen?.view()) : h("div", { key: "login" }, loginView()),
    ),
    footer(),
    isIn && dialogViews(),
    h("p.hidden", { id: "read-only" }, READ_ONLY),
  ];
}

// The fragment is the address of a screen, so it cannot lead to a part of the page.
function skip(event) {
  event.preventDefault();
  document.getElementById("main").focus();
}

function header(isIn) {
  const isConnections = location.hash === "#/connections";
  const current = (isIt) => (isIt ? { "aria-current": "page" } : {});
  return h(
    "header",
    h("a.product", { href: "#/syncs" }, PRODUCT),
    isIn &&
      h(
        "nav",
        { "aria-label": "Pages" },
        h("a", { href: "#/syncs", ...current(!isConnections) }, "Syncs"),
        h("a", { href: "#/connections", ...current(isConnections) }, "Connections"),
      ),
    isIn && chooser(),
    isIn &&
      h(
        "div.token",
        h("span.muted", state.session.role === "full" ? "full token" : "read-only token"),
        menu("Token and keys", () => [
          button("Keys", showKeys),
          !state.session.isPaused && button("Pause all syncs …", askToPause, changing({ class: "danger" })),
          button("Forget token", forgetToken),
        ]),
      ),
  );
}

function chooser() {
  const projects = state.projects ?? [];
  if (projects.length < 2) return null;
  const onchange = (event) => update(state, { project: event.target.value });
  const options = [["", "All projects"], ...projects.map(({ id, name }) => [id, name ?? id])];
  return h(
    "select.project",
    { "aria-label": "Project", value: state.project, onchange },
    options.map(([value, name]) => h("option", { value, key: value }, name)),
  );
}

function notices(isIn) {
  const { session, failed } = state;
  return [
    isIn &&
      session.isPaused &&
      h(
        "div.banner",
        pauseText(session),
        " ",
        button("Resume", () => pause(false), changing()),
      ),
    isIn && state.unwell && h("p.note.warn", { role: "status" }, state.unwell),
    h("p.said", { "aria-live": "polite" }, state.isWaking ? "Waking the function …" : state.said),
    isIn && failed && errorBox(failed.error, failed.again),
  ];
}

const pauseText = ({ pause: { since, by } }) => [
  "All syncs are paused",
  since && [" since ", time(since)],
  by && ` by ${by}`,
  ". Nothing is written into any vault.",
];

function footer() {
  const { session } = state;
  if (!session) return h("footer", PRODUCT);
  const openapi = async () =>
    download("openapi.json", JSON.stringify(await get("/api/v1/openapi.json"), null, 2));
  return h(
    "footer",
    `${PRODUCT} ${session.version}`,
    h("span", "source ", code(session.source.url)),
    h("span", "region ", code(session.region)),
    button("OpenAPI document", () => attempt("openapi", openapi), { class: "plain" }),
  );
}

function askToPause() {
  openDialog("Pause all syncs", (close) => [
    h("p", "No sync writes anything until somebody resumes; what changes meanwhile is synced then."),
    button("Pause all syncs", () => (close(), pause(true)), { class: "danger" }),
  ]);
}

function pause(isOn) {
  return attempt("pause", async () => {
    await send("POST", `/api/v1/${isOn ? "pause" : "resume"}`);
    say(isOn ? "All syncs are paused." : "The syncs go on.");
    update(state, { session: await get("/api/v1/session") });
  });
}

function showKeys() {
  openDialog("Keys", () => [
    h(
      "dl",
      Object.entries(KEYS).map(([key, does]) => h("div", h("dt", h("kbd", key)), h("dd", does))),
    ),
  ]);
}

function keyPressed(event) {
  if (
    event.target.closest("input, select, textarea") ||
    event.ctrlKey ||
    event.metaKey ||
    state.dialogs.length
  )
    return;
  if (event.key === "?") showKeys();
  const filter = document.getElementById("filter");
  if (event.key !== "/" || !filter) return;
  event.preventDefault();
  filter.focus();
}

async function enter() {
  open();
  loadProjects();
  const unwell = await get("/healthz").then(
    () => null,
    (error) => error.message,
  );
  update(state, { unwell });
}

// The first screen is opened by the first token that works; a later one goes on where somebody was.
function signedIn() {
  if (state.screen) moved();
  else enter();
}

async function boot() {
  Object.assign(state, {
    session: null,
    tokenAskedFor: token() ? null : "",
    screen: null,
    dialogs: [],
    doing: new Set(),
    project: "",
    said: "",
    onBegin: signedIn,
  });
  start(document.getElementById("page"), frame);
  watchIdleness();
  addEventListener("hashchange", moved);
  addEventListener("keydown", keyPressed);
  addEventListener("click", clickedElsewhere);
  addEventListener("focus", () => state.session && state.screen?.refocused?.());
  addEventListener("beforeunload", (event) => state.screen?.isDirty?.() && event.preventDefault());
  if (token()) begin(await get("/api/v1/session"));
}

boot();
