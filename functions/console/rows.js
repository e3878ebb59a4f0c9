// The rows of the list.
import { rowMenu, setAutoSync } from "./actions.js";
import { button, code, link, scopeOf, tableCells, time } from "./parts.js";
import { changing } from "./session.js";
import { badge, messageOf, rankOf } from "./status.js";
import { shortOcid } from "./text.js";
import { h } from "./view.js";

export const vaultOf = (row) => row.destinationConfig?.vaultOcid ?? "";
export const sourceOf = (row) => (row.objectName ? "" : `${row.environment.slug}:${row.folder.path}`);

export const nameOf = (row) => row.name ?? row.objectName;

// By what a column is sorted.
export const SORTED = {
  Status: rankOf,
  Name: nameOf,
  Source: sourceOf,
  Destination: vaultOf,
  "Last success": (row) => row.lastSyncedAt ?? "",
  "Last message": messageOf,
  "Auto-sync": (row) => !row.isAutoSyncEnabled,
};
export const LIST_COLUMNS = Object.keys(SORTED);

export const brokenRow = (row) =>
  h(
    "tr",
    { key: row.id },
    tableCells(["Status", "Object"], [badge(row), code(row.objectName)]),
    h("td", { "data-label": "Reason", colspan: LIST_COLUMNS.length - 1 }, row.message),
  );

function autoSync(row, take) {
  const isOn = row.isAutoSyncEnabled;
  const props = {
    class: "switch",
    role: "switch",
    "aria-checked": String(isOn),
    "aria-label": `Auto-sync of ${row.name}`,
  };
  return button(isOn ? "on" : "off", () => setAutoSync(row, !isOn, take), changing(props));
}

export function syncRow(row, take, lookAgain) {
  const cells = [
    badge(row),
    [link(`/syncs/${row.id}`, row.name), row.description && h("div.muted.cut", row.description)],
    code(sourceOf(row)),
    [
      h("code", { title: vaultOf(row) }, shortOcid(vaultOf(row))),
      h("div", scopeOf(row.syncOptions)),
    ],
    time(row.lastSyncedAt),
    h("div.cut", { title: messageOf(row) }, messageOf(row)),
    autoSync(row, take),
    rowMenu(row, take, lookAgain),
  ];
  return h("tr", { key: row.id }, tableCells([...LIST_COLUMNS, ""], cells));
}
