// The rules of fields, read from the API's own description: they are not written twice.
import { get } from "./http.js";
import { words } from "./text.js";

let schemas = null;

export async function loadRules() {
  schemas ??= (await get("/api/v1/openapi.json")).components.schemas;
}

// Says what is wrong with a value, or null.
export function fault(model, path, value) {
  let schema = schemas?.[model];
  let isRequired = true;
  for (const part of path.split(".")) {
    isRequired &&= schema?.required?.includes(part);
    schema = resolve(schema?.properties?.[part]);
  }
  if (value === "" || value === null || value === undefined) return isRequired ? "This is needed." : null;
  return schema ? broken(schema, value) : null;
}

function resolve(schema) {
  if (schema?.$ref) return resolve(schemas[schema.$ref.split("/").at(-1)]);
  // A field that may be left out is described as "this, or null".
  const one = schema?.type ? null : schema?.anyOf?.find((choice) => choice.type !== "null");
  return one ? resolve(one) : schema;
}

function broken(schema, value) {
  if (schema.type === "array")
    return words(value)
      .map((one) => broken(resolve(schema.items), one))
      .find(Boolean);
  if (schema.enum && !schema.enum.includes(value)) return `One of ${schema.enum.join(", ")}.`;
  if (typeof value === "string") {
    if (value.length > (schema.maxLength ?? Infinity)) return `At most ${schema.maxLength} characters.`;
    if (schema.pattern && !new RegExp(schema.pattern).test(value))
      return schema.description ?? `It must look like ${schema.pattern}`;
  }
  const { minimum = -Infinity, maximum = Infinity } = schema;
  if (schema.type === "integer" && !(Number.isInteger(value) && value >= minimum && value <= maximum)) {
    const end = maximum < Infinity ? `to ${maximum}` : "on";
    return `A whole number from ${minimum} ${end}.`;
  }
  return null;
}
