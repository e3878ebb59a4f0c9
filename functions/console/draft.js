// The fields of a sync by the paths that the API uses for them: {"syncOptions.keySchema": …}. What is a
// list or a map in the API is a text in the form.
import { words } from "./text.js";

const OPTIONS = {
  includeAllSubFolders: false,
  keySchema: "",
  disableSecretDeletion: false,
  deletionDays: 7,
  blockingScope: "vault",
  "deletionGuard.minCount": 4,
  "deletionGuard.maxPercent": 30,
  "filter.tags": "",
  "filter.match": "any",
  "bundle.name": "",
  "bundle.format": "json",
  tags: "",
};
export const DEFAULTS = Object.fromEntries(
  Object.entries(OPTIONS).map(([name, value]) => [`syncOptions.${name}`, value]),
);

// The fields of a stored sync, by the paths that the API uses for them.
export function valuesOf(row) {
  const values = {
    ...DEFAULTS,
    "syncOptions.initialSyncBehavior": "",
    description: row.description ?? "",
    environment: row.environment.slug,
    secretPath: row.folder.path,
  };
  for (const name of ["name", "projectId", "connectionId", "isAutoSyncEnabled"]) values[name] = row[name];
  const { deletionGuard, filter, bundle, tags, ...options } = row.syncOptions;
  const parts = {
    syncOptions: { ...options, ...(tags && { tags: textOfTags(tags) }) },
    destinationConfig: row.destinationConfig,
    "syncOptions.deletionGuard": deletionGuard,
    "syncOptions.filter": filter && { ...filter, tags: filter.tags.join(", ") },
    "syncOptions.bundle": bundle,
  };
  for (const [part, fields] of Object.entries(parts)) {
    for (const [name, value] of Object.entries(fields ?? {}))
      values[`${part}.${name}`] = value ?? DEFAULTS[`${part}.${name}`];
  }
  return values;
}

export function blankValues(fields, projectId) {
  const empty = Object.fromEntries(fields.map((path) => [path, ""]));
  return { ...empty, ...DEFAULTS, projectId, secretPath: "/", isAutoSyncEnabled: true };
}

// What the API is told: options of several fields as a whole, "" for what is as by default.
function told(values) {
  const rest = { ...values };
  const take = (path) => {
    const value = rest[`syncOptions.${path}`];
    delete rest[`syncOptions.${path}`];
    return value;
  };
  const [minCount, maxPercent] = [take("deletionGuard.minCount"), take("deletionGuard.maxPercent")];
  const isUsual =
    minCount === OPTIONS["deletionGuard.minCount"] && maxPercent === OPTIONS["deletionGuard.maxPercent"];
  const [tags, match] = [words(take("filter.tags")), take("filter.match")];
  const [name, format] = [take("bundle.name").trim(), take("bundle.format")];
  return {
    ...rest,
    "syncOptions.deletionGuard": isUsual ? "" : { maxPercent, minCount },
    "syncOptions.filter": tags.length ? { tags, match } : "",
    "syncOptions.bundle": name ? { name, format } : "",
    "syncOptions.tags": tagsOf(rest["syncOptions.tags"]),
  };
}

// Tags as people write them, one a line: name=value is free-form, namespace.name=value is defined.
function textOfTags({ freeformTags = {}, definedTags = {} }) {
  const namespaces = Object.entries(definedTags).map(([namespace, tags]) =>
    Object.entries(tags).map(([name, value]) => [`${namespace}.${name}`, value]),
  );
  const lines = [...Object.entries(freeformTags), ...namespaces.flat()];
  return lines.map((line) => line.join("=")).join("\n");
}

function tagsOf(text) {
  const tags = { freeformTags: {}, definedTags: {} };
  for (const line of text.split("\n").filter((one) => one.trim())) {
    const [key, ...value] = line.trim().split("=");
    const [namespace, name] = key.split(".");
    const map = name ? (tags.definedTags[namespace] ??= {}) : tags.freeformTags;
    map[name ?? namespace] = value.join("=");
  }
  return text.trim() ? tags : "";
}

function nested(entries) {
  const body = {};
  for (const [path, value] of entries) {
    const [name, option] = path.split(".");
    if (option) (body[name] ??= {})[option] = value;
    else body[name] = value;
  }
  return body;
}

// The body of a create request, without what is as it is by default.
export function bodyOf({ isAutoSyncEnabled: isEnabled, ...values }) {
  const entries = Object.entries({ ...told(values), isEnabled });
  return nested(entries.filter(([path, value]) => value !== "" && value !== DEFAULTS[path]));
}

// What an edit changed; null is the default, and what is not named stays.
export function changesOf(before, values) {
  const old = told(before);
  const changed = Object.entries(told(values)).filter(
    ([path, value]) => JSON.stringify(value) !== JSON.stringify(old[path]),
  );
  return nested(changed.map(([path, value]) => [path, value === "" ? null : value]));
}
