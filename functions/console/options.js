// The wizard's step Sync Options.
import { cardsField, idOf, setValue, switchField, textField } from "./form.js";
import { button, code } from "./parts.js";
import { BEHAVIORS } from "./summary.js";
import { h } from "./view.js";

const SCOPES = [
  ["vault", "The whole vault", "Waits while any secret of the vault is being changed."],
  ["schema", "Its own secrets", "Waits only for secrets that fit the key schema."],
];
const SCHEMA = "syncOptions.keySchema";

export function optionsStep(form) {
  const { values } = form;
  const hasSubFolders = values["syncOptions.includeAllSubFolders"];
  return [
    cardsField(
      form,
      "syncOptions.initialSyncBehavior",
      "Initial Sync Behavior",
      BEHAVIORS,
      (value) => hasSubFolders && value !== "overwrite-destination",
    ),
    hasSubFolders && h("p.help", "Sub-folders are included, so secrets cannot be imported."),
    textField(form, SCHEMA, "Key Schema", {
      help: example(values),
      extra: placeholders(form),
      placeholder: "{{environment}}_{{secretKey}}",
    }),
    !values[SCHEMA] && noSchema(values),
    switchField(
      form,
      "isAutoSyncEnabled",
      "Auto-Sync Enabled",
      values.isAutoSyncEnabled
        ? "Secrets are synced when the source changes."
        : "Secrets are synced only when somebody says so.",
    ),
    switchField(
      form,
      "syncOptions.disableSecretDeletion",
      "Disable Secret Deletion",
      "Nothing is ever removed from the vault.",
    ),
    h(
      "details.advanced",
      h("summary", "Advanced"),
      textField(form, "syncOptions.deletionDays", "Days until deletion", {
        type: "number",
        min: 1,
        max: 30,
        help: "Until then a deletion can be cancelled.",
      }),
      cardsField(form, "syncOptions.blockingScope", "Waits for the states of", SCOPES),
    ),
  ];
}

// The name that a key gets in the vault.
function example(values) {
  const name = (values[SCHEMA] || "{{secretKey}}")
    .replaceAll("{{environment}}", values.environment)
    .replaceAll("{{secretKey}}", "API_KEY");
  return [
    name.includes("/") && h("span.fault", "OCI refuses names with a slash. "),
    code("API_KEY"),
    " → ",
    code(name),
  ];
}

function placeholders(form) {
  const insert = (text) => () => {
    const input = document.getElementById(idOf(SCHEMA));
    input.setRangeText(text, input.selectionStart, input.selectionEnd, "end");
    setValue(form, SCHEMA, input.value);
    input.focus();
  };
  return h(
    "p.inserts",
    "Insert ",
    ["{{secretKey}}", "{{environment}}"].map((text) =>
      button(text, insert(text), { class: "plain", key: text }),
    ),
  );
}

function noSchema(values) {
  const deletes =
    values["syncOptions.initialSyncBehavior"] === "overwrite-destination" &&
    !values["syncOptions.disableSecretDeletion"];
  return h(
    "p.note.warn",
    "Without a key schema this sync manages the whole vault and compartment.",
    deletes && " What the source does not hold will be scheduled for deletion; the review names it.",
  );
}
