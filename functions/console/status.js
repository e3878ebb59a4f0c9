// The status of a sync in one word, with the worst first.
import { h } from "./view.js";

const STATUSES = [
  ["Broken", "✕", "bad"],
  ["Failed", "✕", "bad"],
  ["Held by a guard", "◆", "bad"],
  ["Waiting", "◔", "busy"],
  ["Running", "↻", "busy"],
  ["Queued", "…", "busy"],
  ["Removing", "−", "busy"],
  ["Secrets removed", "∅", "warn"],
  ["Never synced", "○", "warn"],
  ["Paused", "‖", "calm"],
  ["Synced", "✓", "good"],
];
export const STATUS_WORDS = STATUSES.map(([word]) => word);
const UNDER_WAY = new Set(["pending", "running"]);
const BUSY = new Set(["Waiting", "Running", "Queued", "Removing"]);

// Returns the word; `row` is a sync as the API shows it, or a config object that is none.
export function statusOf(row) {
  if (row.objectName) return "Broken";
  const { syncStatus, importStatus, removeStatus, lastRun } = row;
  if (UNDER_WAY.has(removeStatus)) return "Removing";
  if (syncStatus === "running" || importStatus === "running") return "Running";
  if (syncStatus === "pending" || importStatus === "pending") return row.retryAt ? "Waiting" : "Queued";
  const failed = syncStatus === "failed" || [importStatus, removeStatus].includes("failed");
  if (failed && lastRun?.stops?.length) return "Held by a guard";
  if (syncStatus === "failed" || (failed && lastRun?.outcome === "failed")) return "Failed";
  if (row.isHeldAfterRemoval) return "Secrets removed";
  if (!row.lastSyncedAt) return "Never synced";
  return row.isAutoSyncEnabled ? "Synced" : "Paused";
}

export const isBusy = (row) => BUSY.has(statusOf(row));

export const rankOf = (row) => STATUS_WORDS.indexOf(statusOf(row));

export function badge(row) {
  const word = statusOf(row);
  const [, glyph, kind] = STATUSES.find(([known]) => known === word);
  const { progress } = row;
  const part = word === "Running" && progress ? ` ${progress.done}/${progress.total}` : "";
  return h(
    "span",
    { class: `badge ${kind}` },
    h("span", { "aria-hidden": "true" }, glyph),
    ` ${word}${part}`,
  );
}

// What the last job that did something said.
export function messageOf(row) {
  if (row.objectName) return row.message;
  const removing = UNDER_WAY.has(row.removeStatus) || row.isHeldAfterRemoval || row.removeStatus === "failed";
  return (removing && row.lastRemoveMessage) || row.lastSyncMessage || row.lastImportMessage || "";
}
