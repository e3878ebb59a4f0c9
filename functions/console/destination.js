// The wizard's step Destination: each choice asks for what the next one offers.
import { SYNCS } from "./actions.js";
import { CONNECTIONS, OWN, openConnection } from "./connections.js";
import { choiceField, setValue } from "./form.js";
import { get, send } from "./http.js";
import { button, errorBox, loading, scopeOf } from "./parts.js";
import { projectName } from "./summary.js";
import { h, redraw } from "./view.js";

const PLACES = ["compartments", "vaults", "keys"];
const PLACE_FIELDS = ["compartmentOcid", "vaultOcid", "keyOcid"].map((name) => `destinationConfig.${name}`);
const LABELS = ["Compartment", "Vault", "Encryption Key"];

export function destinationStep(form) {
  const { lists } = form;
  if (!lists.connections) return [errorBox(form.listError, () => loadLists(form)) ?? loading()];
  const made = ({ id }) => {
    lists.connections = null;
    setValue(form, "connectionId", id);
    clear(form, 0);
  };
  return [
    choiceField(form, "connectionId", "OCI Connection", lists.connections, {
      typeLabel: null,
      onchange: () => clear(form, 0),
    }),
    button("New connection …", () => openConnection(null, made), { class: "plain" }),
    errorBox(form.listError, () => loadLists(form)),
    PLACES.map((name, index) =>
      choiceField(form, PLACE_FIELDS[index], LABELS[index], lists[name] ?? [], {
        typeLabel: "Type an OCID instead",
        help: name === "keys" && "Used for new secrets only.",
        onchange: () => clear(form, index + 1),
      }),
    ),
    othersNote(form),
  ];
}

// What was chosen from a list that is another now is chosen again.
function clear(form, from) {
  for (const path of PLACE_FIELDS.slice(from)) setValue(form, path, "");
  for (const name of PLACES.slice(from)) form.lists[name] = null;
  form.others = null;
  loadLists(form);
}

// Asks for what is not there yet. Only the newest call's answers count.
export async function loadLists(form) {
  const { values, lists } = form;
  const turn = {};
  form.turn = turn;
  form.listError = null;
  const fillList = async (name, path, query) => {
    if (lists[name]) return;
    const answer = await get(path, query);
    if (form.turn !== turn) return;
    lists[name] = (answer.appConnections ?? answer).map((row) => [
      row.id,
      row.name === OWN ? "the function itself" : (row.displayName ?? row.name),
    ]);
    redraw();
  };
  try {
    await fillList("connections", `${CONNECTIONS}/available`, { method: "all" });
    lists.connections?.sort(([, a], [, b]) => (b === "the function itself") - (a === "the function itself"));
    values.connectionId ||= lists.connections?.[0]?.[0];
    const root = `${CONNECTIONS}/${values.connectionId}`;
    const [compartmentOcid, vaultOcid, keyOcid] = PLACE_FIELDS.map((path) => values[path]);
    await fillList("compartments", `${root}/compartments`);
    if (compartmentOcid) await fillList("vaults", `${root}/vaults`, { compartmentOcid });
    if (vaultOcid) await fillList("keys", `${root}/vault-keys`, { compartmentOcid, vaultOcid });
    if (keyOcid) await lookAtOthers(form, { compartmentOcid, vaultOcid, keyOcid });
  } catch (error) {
    if (form.turn === turn) form.listError = error;
  }
  redraw();
}

// Which other syncs write there: by the list, and by the server where compartment and key are the same, too.
async function lookAtOthers(form, destinationConfig) {
  const { secretSyncs } = await get("/api/v1/secret-syncs");
  form.others = secretSyncs.filter(
    (row) => row.id !== form.editedId && row.destinationConfig.vaultOcid === destinationConfig.vaultOcid,
  );
  const body = { destinationConfig, projectId: form.values.projectId, excludeSyncId: form.editedId };
  form.hasDuplicate = (await send("POST", `${SYNCS}/check-destination`, { body })).hasDuplicate;
}

function othersNote({ others, hasDuplicate }) {
  if (!others?.length && !hasDuplicate) return null;
  const row = ({ id, name, projectId, syncOptions }) =>
    h(
      "li",
      { key: id },
      name,
      " of project ",
      projectName(projectId),
      ", key schema ",
      scopeOf(syncOptions),
    );
  return h(
    "div.note",
    h(
      "p",
      others?.length === 1
        ? "1 other sync writes to this vault:"
        : `${others?.length || "Some"} other syncs write to this vault:`,
    ),
    h("ul", others?.map(row)),
    h("p", "Give each a key schema of its own: neither touches what the other wrote."),
  );
}
