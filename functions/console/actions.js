// What can be done with a sync, from the list and from its page. Nothing is deleted unseen: what would
// delete, or is stopped by a guard, is shown as a plan first.
import { isTyped, openDialog, typed } from "./dialogs.js";
import { cardsField, newForm } from "./form.js";
import { askPlan, get, send } from "./http.js";
import { button, copyButton, errorBox, fill, loading, menu, say } from "./parts.js";
import { counted, deletionsOf, names } from "./plan.js";
import { changing } from "./session.js";
import { count } from "./text.js";
import { h, redraw, state, update } from "./view.js";
import { repeat } from "./watch.js";

export const SYNCS = "/api/v1/secret-syncs/oci-vault";
export const pathOf = (id) => `${SYNCS}/${id}`;

// Does something once, however often it is clicked; what goes wrong is shown above the page.
export async function attempt(name, work, lookAgain) {
  if (state.doing.has(name)) return;
  state.doing.add(name);
  update(state, { failed: null });
  try {
    await work();
  } catch (error) {
    update(state, { failed: { error, again: () => attempt(name, work, lookAgain) } });
    // What the server says counts, not what was clicked.
    lookAgain?.();
  } finally {
    state.doing.delete(name);
    redraw();
  }
}

// Shows a plan on its own page; `why` says how one got there.
function showPlan(id, plan, why) {
  const planned = { id, plan, at: Date.now(), why };
  if (state.screen.planChanged) return state.screen.planChanged(planned);
  state.planned = planned;
  location.hash = `/syncs/${id}/plan`;
}

export function syncNow(row, take, lookAgain) {
  async function work() {
    say(`Looking at what ${row.name} would do …`);
    const plan = await askPlan(pathOf(row.id));
    if (deletionsOf(plan).length + plan.stops.length === 0)
      return sync(row, { plan: plan.fingerprint }, take);
    say("");
    showPlan(row.id, plan, "Look at this before you sync: it deletes, or a guard stops it.");
  }
  return attempt(`sync ${row.id}`, work, lookAgain);
}

// Syncs what was shown: with another plan by now the server writes nothing, and the new one is shown.
export async function sync(row, query, take) {
  try {
    await act(row, "sync", { query }, take);
  } catch (error) {
    if (error.status !== 409 || !error.plan) throw error;
    showPlan(
      row.id,
      error.plan,
      "It changed while you looked. This is the plan of now; nothing was written.",
    );
  }
}

// Starts a job of this kind: sync, import or remove.
async function act(row, kind, options, take) {
  const { secretSync } = await send("POST", `${pathOf(row.id)}/${kind}-secrets`, options);
  const status = secretSync[`${kind}Status`];
  say(`${row.name}: ${kind} ${status}.`);
  take(secretSync);
}

export function setAutoSync(row, isOn, take) {
  async function change(query) {
    const { secretSync } = await send("PATCH", pathOf(row.id), { query, body: { isAutoSyncEnabled: isOn } });
    say(`Auto-sync of ${row.name} is ${isOn ? "on" : "off"}.`);
    take(secretSync);
  }
  const again = () => take(row);
  if (!isOn) return attempt(`auto ${row.id}`, change, again);
  // Auto-sync that is switched on syncs at once.
  return attempt(`auto ${row.id}`, async () => {
    const plan = await askPlan(pathOf(row.id));
    const go = () => attempt(`auto ${row.id}`, () => change({ plan: plan.fingerprint }), again);
    openDialog(`Resume auto-sync of ${row.name}`, (close) => [
      [
        h("p", "It syncs at once, and from now on at every change of the source:"),
        h("p.head", counted(plan.counts)),
        plan.stops.map((stop) => h("p.stop", stop)),
        deletionsOf(plan).length > 0 && [
          h("p", "It deletes:"),
          names(deletionsOf(plan).map((one) => one.name)),
        ],
      ],
      button("Resume auto-sync", () => (close(), go()), { class: "primary" }),
    ]);
  });
}

export function rowMenu(row, take, lookAgain) {
  const go = (to) => () => (location.hash = `/syncs/${row.id}/${to}`);
  const change = (text, onclick, props) => button(text, onclick, changing(props));
  const isOn = row.isAutoSyncEnabled;
  return menu(`Actions for ${row.name}`, () => [
    button("Plan", go("plan")),
    change("Sync now", () => syncNow(row, take, lookAgain)),
    change(`${isOn ? "Pause" : "Resume"} auto-sync`, () => setAutoSync(row, !isOn, take)),
    change("Import …", () => openImport(row, take)),
    change("Remove secrets …", () => openRemove(row, take)),
    change("Edit", go("edit")),
    change("Duplicate", go("duplicate")),
    copyButton(row.id, "id", "Copy id"),
    change("Delete …", () => openDelete(row), { class: "danger" }),
  ]);
}

const IMPORTS = [
  ["prioritize-source", "Source first", "A key that both hold keeps the value of the source."],
  [
    "prioritize-destination",
    "Destination first",
    "A key that both hold gets the value of the vault: the source's value is overwritten.",
  ],
];

function openImport(row, take) {
  const form = newForm("", {});
  const go = () => attempt(`import ${row.id}`, () => act(row, "import", { query: form.values }, take));
  openDialog(`Import secrets of ${row.name}`, (close) => [
    [
      h(
        "p",
        `What fits the key schema is written into ${row.environment.slug}:${row.folder.path}. Nothing is written into the vault.`,
      ),
      cardsField(form, "importBehavior", "Whose value counts", IMPORTS),
    ],
    button("Import into the source", () => (close(), go()), {
      class: "primary",
      disabled: !form.values.importBehavior,
    }),
  ]);
}

// What a removal takes, by name.
function removed(row) {
  const self = {};
  fill(self, async () => ({ plan: await askPlan(pathOf(row.id), undefined, { kind: "remove" }) }));
  return () => {
    if (!self.plan) return errorBox(self.error) ?? loading();
    const gone = deletionsOf(self.plan).map((one) => one.name);
    return [h("p", `${count(gone.length, "secret")} ${gone.length === 1 ? "goes" : "go"}:`), names(gone)];
  };
}

function openRemove(row, take) {
  const self = {};
  const gone = removed(row);
  const go = () => attempt(`remove ${row.id}`, () => act(row, "remove", {}, take));
  openDialog(`Remove secrets of ${row.name}`, (close) => [
    [
      h(
        "p",
        `What this sync wrote into the vault is scheduled for deletion in ${count(row.syncOptions.deletionDays ?? 7, "day")}. Then the sync rests until the source changes or somebody syncs.`,
      ),
      gone(),
      typed(self, "Name of the sync", row.name),
    ],
    button("Remove its secrets", () => (close(), go()), {
      class: "danger",
      disabled: !isTyped(self, row.name),
    }),
  ]);
}

const REMOVALS = [
  ["false", "Keep its secrets", "The sync goes, the vault stays as it is."],
  ["true", "Remove its secrets", "What it wrote is scheduled for deletion; the sync goes when that is done."],
];

function openDelete(row) {
  const form = newForm("", { removeSecrets: "false" });
  function finish(close) {
    close();
    say(`${row.name} is deleted.`);
    state.screen.gone?.(row.id);
  }
  const remove = (close) =>
    fill(form, async () => {
      const { secretSync } = await send("DELETE", pathOf(row.id), { query: form.values });
      if (form.values.removeSecrets === "false" || secretSync.removeStatus === "succeeded")
        return finish(close);
      form.row = secretSync;
      await repeat(
        () => isThere(close),
        () => state.dialogs.length > 0,
      );
    });
  async function isThere(close) {
    try {
      update(form, { row: (await get(pathOf(row.id))).secretSync });
      return true;
    } catch (error) {
      if (error.status !== 404) throw error;
      return finish(close);
    }
  }
  openDialog(`Delete ${row.name}`, (close) => [
    [
      cardsField(form, "removeSecrets", "Its secrets in the vault", REMOVALS),
      form.values.removeSecrets === "true" && (form.gone ??= removed(row))(),
      typed(form, "Name of the sync", row.name),
      form.row &&
        h("p", { role: "status" }, "Removing: ", form.row.lastRemoveMessage ?? form.row.removeStatus),
      errorBox(form.error),
    ],
    button(form.isLoading ? "Deleting …" : "Delete the sync", () => remove(close), {
      class: "danger",
      disabled: form.isLoading || !isTyped(form, row.name),
    }),
  ]);
}
