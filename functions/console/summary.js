// What a sync is, in the words and order of the wizard: its page and the review show it.
import { ocid, scopeOf } from "./parts.js";
import { h, state } from "./view.js";

export const BEHAVIORS = [
  [
    "overwrite-destination",
    "Overwrite Destination Secrets",
    "Removes any secrets of the vault that the source does not hold.",
    "source A · vault B → vault A",
  ],
  [
    "import-prioritize-source",
    "Import Secrets (Prioritize Source)",
    "First adds to the source what only the vault holds. Of a key that both hold, the source's value stays.",
    "source A=1 · vault A=2 B → vault A=1 B",
  ],
  [
    "import-prioritize-destination",
    "Import Secrets (Prioritize OCI Vault)",
    "First adds to the source what only the vault holds. Of a key that both hold, the vault's value is taken.",
    "source A=1 · vault A=2 B → vault A=2 B",
  ],
];
export const projectName = (id) => state.projectNames?.get(id) ?? id;

// Cards of facts; `named` gives names for OCIDs, `change` a link or button beside each heading.
export function summary(values, named, change, names = ["Source", "Destination", "Sync Options", "Details"]) {
  const on = (path) => (values[path] ? "on" : "off");
  const place = (name) => [
    h("div", named(values[`destinationConfig.${name}`])),
    ocid(values[`destinationConfig.${name}`], name),
  ];
  const option = (name) => values[`syncOptions.${name}`];
  const filter = option("filter.tags");
  const bundle = option("bundle.name") && { name: option("bundle.name") };
  const cards = {
    Source: [
      ["Project", projectName(values.projectId)],
      ["Environment", h("code", values.environment)],
      ["Secret Path", h("code", values.secretPath)],
      ["Include sub-folders", on("syncOptions.includeAllSubFolders")],
    ],
    Destination: [
      ["OCI Connection", named(values.connectionId)],
      ["Compartment", place("compartmentOcid")],
      ["Vault", place("vaultOcid")],
      ["Encryption Key", place("keyOcid")],
    ],
    "Sync Options": [
      [
        "Initial Sync Behavior",
        BEHAVIORS.find(([value]) => value === values["syncOptions.initialSyncBehavior"])?.[1],
      ],
      ["Key Schema", scopeOf({ bundle, keySchema: option("keySchema") })],
      ["Auto-Sync Enabled", on("isAutoSyncEnabled")],
      ["Disable Secret Deletion", on("syncOptions.disableSecretDeletion")],
      ["Days until deletion", values["syncOptions.deletionDays"]],
      [
        "Waits for the states of",
        values["syncOptions.blockingScope"] === "schema" ? "its own secrets" : "the whole vault",
      ],
      [
        "Asks before it deletes",
        `${option("deletionGuard.minCount")} or more, over ${option("deletionGuard.maxPercent")}\u00a0%`,
      ],
      ["Only keys with tags", filter ? `${option("filter.match")} of ${filter}` : "no, all keys"],
      ["Tags of the vault secrets", option("tags").replaceAll("\n", ", ") || "none"],
    ],
    Details: [
      ["Name", values.name],
      ["Description", values.description || "none"],
    ],
  };
  return h(
    "div.columns",
    names.map((name) =>
      h(
        "section.card",
        { key: name },
        h("h2", name, " ", change(name)),
        h(
          "dl",
          cards[name].map(([term, value]) => h("div", h("dt", term), h("dd", value))),
        ),
      ),
    ),
  );
}
