// All syncs with their status.
import { SYNCS } from "./actions.js";
import { get } from "./http.js";
import { button, fill, screenView } from "./parts.js";
import { LIST_COLUMNS, SORTED, brokenRow, nameOf, sourceOf, syncRow, vaultOf } from "./rows.js";
import { changing } from "./session.js";
import { STATUS_WORDS, isBusy, statusOf } from "./status.js";
import { projectName } from "./summary.js";
import { clock, count } from "./text.js";
import { h, state, update } from "./view.js";
import { repeat } from "./watch.js";

const ROWS_SHOWN = 200;
const STALE_MS = 60_000;
const MOST_ASKED_ONE_BY_ONE = 5;

const projectOf = (row) => row.projectId ?? row.objectName.split("/")[1];
export function listScreen() {
  const self = { title: "Syncs", text: "", word: null, by: "Status", isDown: false };
  const setRows = (change) => update(self, { rows: self.rows.flatMap(change) });

  async function load() {
    await fill(self, async () => {
      const { secretSyncs, broken, truncated } = await get("/api/v1/secret-syncs");
      return { rows: [...secretSyncs, ...broken], isCut: truncated, loadedAt: Date.now() };
    });
    follow();
  }

  // Looks again at the rows that are under way, while there are any.
  async function follow() {
    if (self.isFollowed || !self.rows?.some(isBusy)) return;
    self.isFollowed = true;
    await repeat(lookAgain, () => state.screen === self);
    self.isFollowed = false;
  }

  async function lookAgain() {
    const busy = self.rows.filter(isBusy);
    if (busy.length > MOST_ASKED_ONE_BY_ONE) await load();
    else await Promise.all(busy.map((row) => lookAt(row.id)));
    return self.rows.some(isBusy);
  }

  async function lookAt(id) {
    try {
      take((await get(`${SYNCS}/${id}`)).secretSync);
    } catch (error) {
      if (error.status === 404) self.gone(id);
      else update(self, { error });
    }
  }

  function take(row) {
    setRows((old) => (old.id === row.id ? row : old));
    follow();
  }

  self.refocused = () => Date.now() - self.loadedAt > STALE_MS && load();
  self.gone = (id) => setRows((row) => (row.id === id ? [] : row));
  self.view = () => {
    const loaded = self.loadedAt && h("span.muted", `Loaded ${clock(self.loadedAt)} UTC`);
    const refresh = button(self.isLoading ? "Loading …" : "Refresh", load, { disabled: self.isLoading });
    const show = (row) => syncRow(row, take, () => lookAt(row.id));
    return screenView(self, load, [loaded, refresh, addButton()], self.rows && listed(self, show));
  };
  load();
  return self;
}

const addButton = () =>
  button("Add Sync", () => (location.hash = "/syncs/new"), changing({ class: "primary" }));

function listed(self, show) {
  const rows = self.rows.filter((row) => !state.project || projectOf(row) === state.project);
  if (rows.length === 0) return empty();
  const found = rows.filter(
    (row) => (!self.word || statusOf(row) === self.word) && holds(row, self.text.toLowerCase()),
  );
  const shown = sorted(self, found).slice(0, self.isAll ? Infinity : ROWS_SHOWN);
  return [
    filters(self, rows),
    self.isCut && h("p.note.warn", "There are more syncs than are listed here."),
    found.length === 0 &&
      h(
        "p.empty",
        "Nothing matches. ",
        button("Clear", () => update(self, { text: "", word: null })),
      ),
    found.length > 0 &&
      h(
        "table.cards.syncs",
        h("caption.hidden", "Syncs with their status"),
        h(
          "thead",
          h(
            "tr",
            LIST_COLUMNS.map((name) => head(self, name)),
            h("th", { scope: "col" }, h("span.hidden", "Actions")),
          ),
        ),
        groups(shown, show),
      ),
    found.length > shown.length &&
      h(
        "p.empty",
        `${shown.length} of ${count(found.length, "sync")} are shown. `,
        button("Show all", () => update(self, { isAll: true })),
      ),
  ];
}

function empty() {
  return h(
    "div.empty",
    h("p", h("strong", "No syncs in this project yet.")),
    h("p", "A sync keeps one folder of your secret manager and one OCI Vault the same."),
    h("p", "It runs when a secret changes, and from time to time."),
    h("p", "Before it is created, you see every name that it would create, change or delete."),
    addButton(),
  );
}

function filters(self, rows) {
  const chip = (label, word, number) =>
    h(
      "button.chip",
      {
        type: "button",
        key: label,
        "aria-pressed": String(self.word === word),
        onclick: () => update(self, { word }),
      },
      `${label} `,
      h("span.number", number),
    );
  const counts = {};
  for (const row of rows) counts[statusOf(row)] = (counts[statusOf(row)] ?? 0) + 1;
  const words = STATUS_WORDS.filter((word) => counts[word]);
  const label = "Filter by name, path, environment or vault";
  const oninput = (event) => update(self, { text: event.target.value });
  return h(
    "div.filters",
    h(
      "div.chips",
      { role: "group", "aria-label": "Filter by status" },
      chip("All", null, rows.length),
      words.map((word) => chip(word, word, counts[word])),
    ),
    h("input", {
      id: "filter",
      type: "search",
      placeholder: label,
      "aria-label": label,
      value: self.text,
      oninput,
    }),
  );
}

function holds(row, text) {
  const { keySchema, bundle } = row.syncOptions ?? {};
  const parts = [nameOf(row), row.description, sourceOf(row), vaultOf(row), keySchema, bundle?.name];
  return parts.join(" ").toLowerCase().includes(text);
}

function head(self, name) {
  const isBy = self.by === name;
  const sort = () => update(self, { by: name, isDown: isBy && !self.isDown });
  return h(
    "th",
    { scope: "col", "aria-sort": isBy && (self.isDown ? "descending" : "ascending") },
    button(name, sort, { class: "sort" }),
  );
}

function sorted({ by, isDown }, rows) {
  const compare = (a, b) => (a < b ? -1 : Number(a > b));
  const keyed = rows.map((row) => [SORTED[by](row), nameOf(row), row]);
  keyed.sort((a, b) => compare(a[0], b[0]) * (isDown ? -1 : 1) || compare(a[1], b[1]));
  return keyed.map(([, , row]) => row);
}

// While somebody types, rows stay as they are: what was drawn of them is kept.
const drawn = new WeakMap();

function remembered(row, show) {
  const stamp = [state.menu, state.session.role, Math.floor(Date.now() / STALE_MS)].join();
  if (drawn.get(row)?.stamp !== stamp) drawn.set(row, { stamp, vnode: show(row) });
  return drawn.get(row).vnode;
}

function groups(rows, show) {
  const found = new Map();
  for (const row of rows) found.set(projectOf(row), [...(found.get(projectOf(row)) ?? []), row]);
  return [...found].map(([project, group]) =>
    h(
      "tbody",
      { key: project },
      found.size > 1 &&
        h(
          "tr",
          h(
            "th.group",
            { colspan: LIST_COLUMNS.length + 1, scope: "rowgroup" },
            "Project ",
            projectName(project),
          ),
        ),
      group.map((row) => (row.objectName ? brokenRow(row) : remembered(row, show))),
    ),
  );
}
