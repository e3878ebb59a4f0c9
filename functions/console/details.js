// One sync: how it is, what it does, and what it did.
import { pathOf, rowMenu, syncNow } from "./actions.js";
import { historyView } from "./history.js";
import { get } from "./http.js";
import { button, code, copyButton, fill, link, screenView, time } from "./parts.js";
import { changing } from "./session.js";
import { badge, isBusy } from "./status.js";
import { valuesOf } from "./draft.js";
import { summary } from "./summary.js";
import { lines } from "./text.js";
import { h, state, update } from "./view.js";
import { repeat } from "./watch.js";

const STORED = [
  "name",
  "projectId",
  "description",
  "environment",
  "secretPath",
  "connectionId",
  "isAutoSyncEnabled",
  "syncOptions",
  "destinationConfig",
];
const EDIT_STEPS = { Source: "source", Destination: "destination", "Sync Options": "options" };

export function detailsScreen(id) {
  const self = { title: "Sync", id, row: null, runs: [], warnings: state.warnings ?? [] };
  state.warnings = null;

  const load = () =>
    fill(self, async () => {
      const [{ secretSync: row }, { runs }] = await Promise.all([get(pathOf(id)), get(`${pathOf(id)}/runs`)]);
      if (isBusy(row)) follow();
      return { row, runs, title: row.name };
    });

  async function follow() {
    if (self.isFollowed) return;
    self.isFollowed = true;
    await repeat(lookAgain, () => state.screen === self).catch((error) => update(self, { error }));
    self.isFollowed = false;
    load();
  }

  async function lookAgain() {
    const { secretSync: row } = await get(pathOf(id));
    update(self, { row });
    return isBusy(row);
  }

  self.gone = () => (location.hash = "/syncs");
  self.refocused = load;
  self.view = () => {
    const { row } = self;
    if (!row) return screenView(self, load, []);
    const isSyncing = state.doing.has(`sync ${id}`);
    const buttons = [
      button(
        isSyncing ? "Syncing …" : "Sync now",
        () => syncNow(row, load, load),
        changing({ class: "primary", disabled: isSyncing }),
      ),
      button("Plan", () => (location.hash = `/syncs/${id}/plan`)),
      button("Refresh", load),
      rowMenu(row, load, load),
    ];
    return screenView(self, load, buttons, [
      row.description && h("p.lead", row.description),
      self.warnings.length > 0 &&
        h(
          "div.note.warn",
          self.warnings.map((text) => h("p", text)),
          button("Close", () => update(self, { warnings: [] })),
        ),
      now(row),
      h("div.columns", jobs(row)),
      summary(
        valuesOf(row),
        (one) => one === row.connectionId && row.connection.name,
        (name) => link(`/syncs/${id}/edit/${EDIT_STEPS[name]}`, "Edit ", h("span.hidden", name)),
        Object.keys(EDIT_STEPS),
      ),
      drift(self.runs),
      h("h2", "History"),
      historyView(self.runs, self),
      rawJson(row),
    ]);
  };
  load();
  return self;
}

function now(row) {
  const { progress, retryAt, nextVerifyAt } = row;
  return h(
    "p.now",
    badge(row),
    progress &&
      isBusy(row) && [
        h("progress", { max: progress.total, value: progress.done, "aria-label": "Progress" }),
        ` ${progress.done} of ${progress.total}`,
      ],
    retryAt && [" tried again ", time(retryAt)],
    nextVerifyAt && h("span.muted", " · looks again ", time(nextVerifyAt)),
  );
}

function jobs(row) {
  return ["Sync", "Import", "Remove"].map((name) => {
    const kind = name.toLowerCase();
    const [status, message, job] = [row[`${kind}Status`], row[`last${name}Message`], row[`last${name}JobId`]];
    const at = row[`last${name}${name === "Remove" ? "d" : "ed"}At`];
    return h(
      "section.card",
      h("h2", name),
      status
        ? h("p", h(`span.outcome.${status}`, status), " · last success ", time(at))
        : h("p.muted", "never"),
      message && lines(message).map((line) => h("p", line)),
      job && h("p.muted", "Job ", code(job), copyButton(job, "job id")),
    );
  });
}

function drift(runs) {
  const drifted = runs.filter((run) => run.drift?.length);
  if (drifted.length === 0) return null;
  const rows = drifted.map((run) =>
    h(
      "li",
      { key: run.id },
      time(run.startedAt),
      ": changed by somebody else, put right: ",
      run.drift.join(", "),
    ),
  );
  return [h("h2", "Drift of the last runs"), h("ul", rows)];
}

function rawJson(row) {
  const text = JSON.stringify(row, null, 2);
  const config = { ...row, environment: row.environment.slug, secretPath: row.folder.path };
  const stored = JSON.stringify(Object.fromEntries(STORED.map((name) => [name, config[name]])), null, 2);
  return h(
    "details.raw",
    h("summary", "Raw JSON"),
    h(
      "p",
      copyButton(text, "JSON"),
      " ",
      button("Download as config file", () => download(`${row.name}.json`, stored)),
    ),
    h("pre", { tabindex: "0" }, code(text)),
  );
}

export function download(name, text) {
  const url = URL.createObjectURL(new Blob([text], { type: "application/json" }));
  Object.assign(document.createElement("a"), { href: url, download: name }).click();
  URL.revokeObjectURL(url);
}
