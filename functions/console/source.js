// The wizard's step Source.
import { choiceField, switchField, textField } from "./form.js";
import { get } from "./http.js";
import { projectName } from "./summary.js";
import { h, redraw, state } from "./view.js";

export function sourceStep(form) {
  const { values, editedId } = form;
  const look = () => lookAtFolder(form);
  const projects = editedId ? [values] : state.projects;
  const rows = projects.map(({ id, projectId = id }) => [projectId, projectName(projectId)]);
  const environments = state.projects.find(({ id }) => id === values.projectId)?.environments;
  const behavior = values["syncOptions.initialSyncBehavior"];
  return [
    choiceField(
      form,
      "projectId",
      "Project",
      rows.length ? rows : null,
      editedId
        ? { typeLabel: null, help: "The project of a sync stays: duplicate it for another." }
        : { onchange: look },
    ),
    choiceField(
      form,
      "environment",
      "Environment",
      environments?.map(({ slug, name }) => [slug, name === slug ? slug : `${name} (${slug})`]),
      { onchange: look },
    ),
    textField(form, "secretPath", "Secret Path", {
      list: "folders",
      help: folderHelp(form),
      extra: h(
        "datalist",
        { id: "folders" },
        form.folders?.map((path) => h("option", { value: path, key: path })),
      ),
      oninput: (path) => path.endsWith("/") && suggest(form, path),
      onchange: look,
    }),
    switchField(
      form,
      "syncOptions.includeAllSubFolders",
      "Include sub-folders",
      "Only with Overwrite Destination Secrets, and a secret for each key: an import could not tell the folder of a key.",
      (Boolean(behavior) && behavior !== "overwrite-destination") || values["syncOptions.bundle.name"] !== "",
    ),
  ];
}

function folderHelp({ folder, values, errors }) {
  if (errors.secretPath) return null;
  if (folder?.path !== values.secretPath) return "The folder whose secrets are synced, like /api.";
  if (folder.error) return h("span", { class: folder.isMissing && "fault" }, folder.error);
  return folder.hasSecrets
    ? "The folder is there, and holds secrets."
    : "The folder is there, but holds no secrets of its own.";
}

const ask = ({ values }, path) =>
  get(`/api/v1/projects/${encodeURIComponent(values.projectId)}/folders`, {
    environment: values.environment,
    path,
  });

// Typing a slash offers the folders below; the folder itself is looked at when the field is left.
async function suggest(form, path) {
  const { folders } = await ask(form, path.slice(0, -1) || "/").catch(() => ({ folders: [] }));
  form.folders = folders.map((folder) => folder.path);
  redraw();
}

// Says whether the folder is there; what cannot be known stops nobody.
export async function lookAtFolder(form) {
  const { projectId, environment, secretPath: path } = form.values;
  if (!projectId || !environment || !path.startsWith("/")) return;
  try {
    form.folder = { path, hasSecrets: (await ask(form, path)).hasSecrets };
  } catch ({ status, message }) {
    form.folder = {
      path,
      isMissing: status === 404,
      error: status === 501 ? "This source does not list its folders: type the path." : message,
    };
  }
  redraw();
}

// A folder that is not there cannot be synced.
export async function sourceIsThere(form) {
  await lookAtFolder(form);
  if (form.folder?.isMissing) form.errors.secretPath = form.folder.error;
  return !form.folder?.isMissing;
}
