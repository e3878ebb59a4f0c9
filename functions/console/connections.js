// OCI connections: who signs the calls to a vault.
import { openDialog } from "./dialogs.js";
import { check, choiceField, newForm, textField } from "./form.js";
import { get, send } from "./http.js";
import { button, code, errorBox, checkbox, fill, link, ocid, say, screenView, table } from "./parts.js";
import { loadRules } from "./rules.js";
import { changing } from "./session.js";
import { h, update } from "./view.js";

export const CONNECTIONS = "/api/v1/app-connections/oci";
export const OWN = "function";
const CONNECTION_COLUMNS = ["Name", "Method", "User", "Tenancy", "Region", "Fingerprint", "Used by", ""];
const METHODS = [
  ["access-key", "Access key: an API signing key of an OCI user"],
  ["resource-principal", "Resource principal: the function itself"],
];
const REGION = "credentials.region";
const PRIVATE_KEY = "credentials.privateKey";
const KEY_FIELDS = {
  "credentials.userOcid": "User OCID",
  "credentials.tenancyOcid": "Tenancy OCID",
  [REGION]: "Region",
  "credentials.fingerprint": "Fingerprint",
};
const STORAGE = {
  "keyStorage.compartmentOcid": "Compartment",
  "keyStorage.vaultOcid": "Vault",
  "keyStorage.keyOcid": "Encryption Key",
};

export function connectionsScreen() {
  const self = { title: "Connections" };
  const load = () =>
    fill(self, async () => {
      const [{ appConnections }, { secretSyncs }] = await Promise.all([
        get(CONNECTIONS, { method: "all" }),
        get("/api/v1/secret-syncs"),
      ]);
      return { rows: appConnections.map((row) => rowOf(row, secretSyncs, load)) };
    });
  self.view = () => {
    const buttons = [
      button("Refresh", load),
      button("New connection …", () => openConnection(null, load), changing({ class: "primary" })),
    ];
    const rows = self.rows?.map((row) => row());
    return screenView(
      self,
      load,
      buttons,
      rows &&
        (rows.length
          ? table("OCI connections", CONNECTION_COLUMNS, rows)
          : h("p.empty", "No connections yet.")),
    );
  };
  load();
  return self;
}

const rowOf = (row, syncs, load) => () => {
  const { userOcid, tenancyOcid, region, fingerprint } = row.credentials;
  const users = syncs.filter((sync) => sync.connectionId === row.id);
  const cells = [
    [h("strong", row.name), row.description && h("div.muted", row.description)],
    row.method,
    userOcid ? ocid(userOcid, "user OCID") : "–",
    tenancyOcid ? ocid(tenancyOcid, "tenancy OCID") : "–",
    region ?? "the function's",
    fingerprint ? code(fingerprint) : "–",
    users.length ? users.map(({ id, name }) => h("div", link(`/syncs/${id}`, name))) : "no sync",
    row.name !== OWN && [
      button("Edit", () => openConnection(row, load), changing()),
      button("Delete …", () => openDeleteConnection(row, load), changing({ class: "danger" })),
    ],
  ];
  return { key: row.id, cells };
};

function openDeleteConnection(row, load) {
  const self = {};
  const remove = (close) =>
    fill(self, async () => {
      await send("DELETE", `${CONNECTIONS}/${row.id}`);
      close();
      say(`Connection ${row.name} is deleted.`);
      load();
    });
  openDialog(`Delete connection ${row.name}`, (close) => [
    [
      h("p", "A private key that was stored with it is deleted, too. A connection that syncs use stays."),
      errorBox(self.error),
    ],
    button("Delete the connection", () => remove(close), { class: "danger", disabled: self.isLoading }),
  ]);
}

// Opens the form of a new connection, or of `row`; calls `done` with what was saved.
export async function openConnection(row, done) {
  const values = {
    method: row?.method ?? METHODS[0][0],
    name: row?.name ?? "",
    description: row?.description ?? "",
    [PRIVATE_KEY]: "",
  };
  for (const path of Object.keys({ ...KEY_FIELDS, ...STORAGE }))
    values[path] = row?.credentials[path.split(".")[1]] ?? "";
  const form = { ...newForm("KeyConnection", values), isWhole: !row };
  await fill(form, loadRules);
  openDialog(row ? `Edit connection ${row.name}` : "New connection", (close) => [
    [fields(form, row), errorBox(form.error)],
    button(form.isLoading ? "Proving it by a call …" : "Save", () => save(form, row, close, done), {
      class: "primary",
      disabled: form.isLoading,
    }),
  ]);
}

const isKey = (form) => form.values.method === METHODS[0][0];

function fields(form, row) {
  const texts = (labels) => Object.entries(labels).map(([path, label]) => textField(form, path, label));
  const onchange = ({ target }) => update(form, { isWhole: target.checked });
  return [
    choiceField(form, "method", "Method", METHODS, { typeLabel: null }),
    texts({ name: "Name", description: "Description" }),
    row && checkbox("Change the credentials (as a whole)", form.isWhole, onchange),
    form.isWhole &&
      isKey(form) && [
        texts(KEY_FIELDS),
        textField(form, PRIVATE_KEY, "Private key", {
          area: true,
          help: "PEM, without a pass phrase. This page forgets it after the request.",
        }),
        h(
          "details.advanced",
          { key: "storage" },
          h("summary", "Where the private key is kept (optional)"),
          texts(STORAGE),
        ),
      ],
    form.isWhole &&
      !isKey(form) &&
      textField(form, REGION, "Region", { help: "Empty: the region of the function." }),
  ];
}

async function save(form, row, close, done) {
  const asked = isKey(form) ? [...Object.keys(KEY_FIELDS), PRIVATE_KEY] : [REGION];
  form.model = isKey(form) ? "KeyConnection" : "OwnConnection";
  if (form.isLoading || !check(form, ["name", "description", ...(form.isWhole ? asked : [])])) return;
  await fill(form, async () => {
    const body = bodyOfConnection(form, row, asked);
    const { appConnection } = row
      ? await send("PATCH", `${CONNECTIONS}/${row.id}`, { body })
      : await send("POST", CONNECTIONS, { body });
    close();
    say(`Connection ${appConnection.name} is saved.`);
    done(appConnection);
  });
  for (const { path, message } of form.error?.issues ?? []) form.errors[path.join(".")] = message;
  // Whatever the answer was.
  update(form.values, { [PRIVATE_KEY]: "" });
}

function bodyOfConnection({ values, isWhole }, row, asked) {
  const given = (paths) =>
    Object.fromEntries(
      paths.filter((path) => values[path]).map((path) => [path.split(".")[1], values[path].trim()]),
    );
  const body = { name: values.name, description: values.description || null };
  if (!row) body.method = values.method;
  if (isWhole) body.credentials = given(asked);
  const keyStorage = given(Object.keys(STORAGE));
  return isWhole && Object.keys(keyStorage).length ? { ...body, keyStorage } : body;
}
