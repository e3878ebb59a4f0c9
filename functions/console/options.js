// The wizard's step Sync Options.
import { cardsField, idOf, setValue, switchField, textField } from "./form.js";
import { button, code } from "./parts.js";
import { BEHAVIORS } from "./summary.js";
import { h } from "./view.js";

const SCOPES = [
  ["vault", "The whole vault", "Waits while any secret of the vault is being changed."],
  ["schema", "Its own secrets", "Waits only for secrets that fit the key schema."],
];
const MATCHES = [
  ["any", "Any of them", "A key with one of these tags is synced."],
  ["all", "All of them", "Only a key with all of these tags is synced."],
];
const FORMATS = [
  ["json", "JSON", "One object, each key with its value.", '{"API_KEY": "value"}'],
  ["env", "Lines for a shell", "One line a key.", "API_KEY='value'"],
];
const SCHEMA = "syncOptions.keySchema";

export function optionsStep(form) {
  const { values } = form;
  const behavior = values["syncOptions.initialSyncBehavior"];
  const isFiltered = values["syncOptions.filter.tags"].trim() !== "";
  const isBundle = values["syncOptions.bundle.name"].trim() !== "";
  const hasSubFolders = values["syncOptions.includeAllSubFolders"];
  const isImporting = Boolean(behavior) && behavior !== "overwrite-destination";
  const cannotImport = hasSubFolders || isFiltered || isBundle;
  // A field that is wrong is not hidden; nor is it once it is right.
  form.isAdvanced ||= Object.keys(form.errors).length > 0;
  return [
    cardsField(
      form,
      "syncOptions.initialSyncBehavior",
      "Initial Sync Behavior",
      BEHAVIORS,
      (value) => cannotImport && value !== "overwrite-destination",
    ),
    cannotImport &&
      h("p.help", "With sub-folders, only some keys, or all in one secret, nothing can be imported first."),
    textField(form, SCHEMA, "Key Schema", {
      help: example(values),
      extra: placeholders(form),
      placeholder: "{{environment}}_{{secretKey}}",
    }),
    !values[SCHEMA] && !isBundle && noSchema(values),
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
      { open: form.isAdvanced },
      h("summary", "Advanced"),
      textField(form, "syncOptions.deletionDays", "Days until deletion", {
        type: "number",
        min: 1,
        max: 30,
        help: "Until then a deletion can be cancelled.",
      }),
      cardsField(form, "syncOptions.blockingScope", "Waits for the states of", SCOPES),
      textField(form, "syncOptions.deletionGuard.minCount", "Asks from so many deletions on", {
        type: "number",
        min: 1,
        help: "A run that would delete so many secrets, and the share below, does nothing until it is forced.",
      }),
      textField(form, "syncOptions.deletionGuard.maxPercent", "If they are more than this share, in %", {
        type: "number",
        min: 0,
        max: 100,
        help: "Of fewer than ten secrets: than a half, or this if it is more.",
      }),
      textField(form, "syncOptions.filter.tags", "Only keys with these tags", {
        disabled: isImporting,
        help: "Tags of the source, with commas between. Empty: all keys. Only with Overwrite.",
      }),
      isFiltered && cardsField(form, "syncOptions.filter.match", "A key needs", MATCHES),
      textField(form, "syncOptions.bundle.name", "All keys as one secret", {
        disabled: isImporting || hasSubFolders,
        help: "Its name, as it is. Empty: a secret for each key. Only with Overwrite, and without sub-folders.",
      }),
      isBundle && cardsField(form, "syncOptions.bundle.format", "Its format", FORMATS),
      textField(form, "syncOptions.tags", "Tags of the vault secrets", {
        area: true,
        help: "One a line: name=value, or namespace.name=value for a defined tag.",
      }),
    ),
  ];
}

// A line without a name or value is no tag.
export function tagsAreRead({ values, errors }) {
  const lines = values["syncOptions.tags"].split("\n").filter((line) => line.trim());
  const isGood = lines.every((line) => /^\s*[^\s=]+=/.test(line));
  if (!isGood) errors["syncOptions.tags"] = "Each line is name=value.";
  return isGood;
}

// The names that keys get in the vault: one of the folder itself, and one of a sub-folder where that counts.
function example(values) {
  const schema = (values[SCHEMA] || "{{secretKey}}").replaceAll("{{environment}}", values.environment);
  const named = (folder) =>
    schema.replace(/\{\{folderPath\}\}([_-])/, folder && `${folder}$1`).replaceAll("{{secretKey}}", "API_KEY");
  return [
    schema.includes("/") && h("span.fault", "OCI refuses names with a slash. "),
    code("API_KEY"),
    " → ",
    code(named("")),
    schema.includes("{{folderPath}}") && [", ", code("db/users/API_KEY"), " → ", code(named("db_users"))],
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
    ["{{secretKey}}", "{{environment}}", "{{folderPath}}_"].map((text) =>
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
