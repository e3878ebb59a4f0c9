// The last runs of a sync: when, why, who, what; each opens to the names.
import { checkbox, code, copyButton, table, tableCells, time } from "./parts.js";
import { counted } from "./plan.js";
import { clock, lines } from "./text.js";
import { h, redraw } from "./view.js";

const COUNTED = ["create", "update", "restore", "delete", "tag"];
const ACTION_WORDS = { create: "created", update: "changed", restore: "restored", delete: "deleted" };
const RUN_COLUMNS = ["Time", "Kind", "Cause", "Outcome", "Changes", "Seconds", "Message"];
const FILTER_KEY = "oci-vault-sync only-changes";

const isQuiet = (run) =>
  run.outcome === "succeeded" && COUNTED.every((name) => !run.counts?.[name]) && !run.drift?.length;
const isOnlyChanges = () => sessionStorage.getItem(FILTER_KEY) === "yes";

export function historyView(runs, self) {
  if (runs.length === 0) return h("p.empty", "It has not run yet.");
  const shown = runs.filter((run) => !isOnlyChanges() || !isQuiet(run));
  const flip = (event) => {
    sessionStorage.setItem(FILTER_KEY, event.target.checked ? "yes" : "no");
    redraw();
  };
  return [
    checkbox("only changes and failures", isOnlyChanges(), flip),
    shown.length ? runTable(shown, self) : h("p.empty", "No run changed anything or failed."),
  ];
}

function runTable(runs, self) {
  const whole = table("Last runs", RUN_COLUMNS, []);
  whole.children.at(-1).children = folded(runs).flatMap((group) =>
    group.length > 1 ? quietRow(group) : runRows(group[0], self),
  );
  return whole;
}

// Verifications in a row that found nothing stand in one line.
function folded(runs) {
  const groups = [];
  for (const run of runs) {
    const last = groups.at(-1);
    if (last && [run, last[0]].every((one) => isQuiet(one) && one.kind === "verify")) last.push(run);
    else groups.push([run]);
  }
  return groups;
}

function quietRow(group) {
  const text = `${group.length} × nothing to do, ${clock(group.at(-1).startedAt)}–${clock(group[0].startedAt)} UTC`;
  return h("tr", { key: group[0].id }, h("td.muted", { colspan: RUN_COLUMNS.length }, text));
}

function runRows(run, self) {
  const open = (self.open ??= new Set());
  const isOpen = open.has(run.id);
  const onclick = () => {
    open[isOpen ? "delete" : "add"](run.id);
    redraw();
  };
  const changes = COUNTED.filter((name) => run.counts?.[name]);
  const cells = [
    [
      h(
        "button.expand",
        {
          type: "button",
          "aria-expanded": String(isOpen),
          "aria-label": `Details of the run of ${clock(run.startedAt)}`,
          onclick,
        },
        isOpen ? "▾" : "▸",
      ),
      " ",
      time(run.startedAt),
    ],
    run.kind,
    [run.cause, run.by && h("span.muted", ` by ${run.by}`)],
    h(`span.outcome.${run.outcome}`, run.outcome),
    changes.length ? counted(run.counts, changes, "span.hidden") : h("span.muted", "none"),
    run.seconds.toFixed(1),
    h("div.message", run.message),
  ];
  return [
    h("tr", { key: run.id }, tableCells(RUN_COLUMNS, cells)),
    isOpen && h("tr", { key: `${run.id} details` }, h("td", { colspan: RUN_COLUMNS.length }, details(run))),
  ];
}

function details(run) {
  const named = (title, list) => list?.length > 0 && h("p", `${title}: ${list.join(", ")}`);
  const query = `search "<log group>" | data.message = '*${run.jobId}*' | sort by datetime`;
  return [
    run.message && lines(run.message).map((line) => h("p", line)),
    Object.entries(ACTION_WORDS).map(([action, word]) => named(word, run.changed?.[action])),
    named("changed by somebody else, put right", run.drift),
    Object.entries(run.errors ?? {}).map(([name, why]) => h("p", code(name), `: ${why}`)),
    h(
      "p.muted",
      "Job ",
      code(run.jobId),
      copyButton(run.jobId, "job id"),
      " · log query ",
      code(query),
      copyButton(query, "log query"),
    ),
  ];
}
