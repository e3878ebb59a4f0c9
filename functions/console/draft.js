// The fields of a sync by the paths that the API uses for them: {"syncOptions.keySchema": …}.

const OPTIONS = {
  includeAllSubFolders: false,
  keySchema: "",
  disableSecretDeletion: false,
  deletionDays: 7,
  blockingScope: "vault",
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
  for (const part of ["syncOptions", "destinationConfig"]) {
    for (const [name, value] of Object.entries(row[part]))
      values[`${part}.${name}`] = value ?? DEFAULTS[`${part}.${name}`];
  }
  return values;
}

export function blankValues(fields, projectId) {
  const empty = Object.fromEntries(fields.map((path) => [path, ""]));
  return { ...empty, ...DEFAULTS, projectId, secretPath: "/", isAutoSyncEnabled: true };
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
  const entries = Object.entries({ ...values, isEnabled });
  return nested(entries.filter(([path, value]) => value !== "" && value !== DEFAULTS[path]));
}

// What an edit changed; options and destination go as a whole, null is the default.
export function changesOf(before, values) {
  const top = (path) => path.split(".")[0];
  const changed = new Set(
    Object.keys(values)
      .filter((path) => before[path] !== values[path])
      .map(top),
  );
  const entries = Object.entries(values).filter(([path]) => changed.has(top(path)));
  return nested(entries.map(([path, value]) => [path, value === "" ? null : value]));
}
