// Calls of the management API. At most two at a time: each more would be a cold start.
import { askForToken, base, token, tokenGiven, tokenTurn } from "./session.js";
import { state, update } from "./view.js";

const AT_ONCE = 2;
const TIMEOUT_MS = 35_000;
const WAKING_MS = 1_500;
const AGAIN_MS = 1_000;
const TOO_MANY_MS = 5_000;
const AGAIN = new Set([429, 502, 503, 504]);

let running = 0;
const queue = [];
const late = new Set();

// What the server answered, or why there is no answer; `status` is 0 then.
class ApiError extends Error {
  constructor(status, message, { issues = [], reqId = null, plan = null, waitMs = 0 } = {}) {
    super(message);
    Object.assign(this, { status, issues, reqId, plan, waitMs });
  }
}

// Reads. Tried once more where the function or the gateway was busy; after a new token, if that was why.
export const get = (path, query) => read("GET", path, { query });

// A plan is a read that has a body.
export const askPlan = async (path, body, query) =>
  (await read("POST", `${path}/plan`, { body, query })).plan;

async function read(method, path, options) {
  for (let attempt = 1; ; attempt += 1) {
    const turn = tokenTurn();
    try {
      return await request(method, path, { ...options, bearer: token() });
    } catch (error) {
      if (error.status === 401) {
        if (turn === tokenTurn()) askForToken(error.message);
        if (!token()) await tokenGiven();
        attempt = 0;
      } else if (attempt > 1 || !AGAIN.has(error.status)) throw error;
      else await new Promise((resolve) => setTimeout(resolve, error.waitMs || AGAIN_MS));
    }
  }
}

// Acts. Sent once and never again by itself: whoever clicked decides.
export async function send(method, path, { query, body } = {}) {
  const turn = tokenTurn();
  try {
    return await request(method, path, { query, body, bearer: token() });
  } catch (error) {
    if (error.status === 401 && turn === tokenTurn()) askForToken(error.message);
    throw error;
  }
}

// Says whether this token works, without keeping it.
export const trySession = (bearer) => request("GET", "/api/v1/session", { bearer });

async function request(method, path, { query, body, bearer }) {
  if (running < AT_ONCE) running += 1;
  else await new Promise((resolve) => queue.push(resolve));
  const timer = setTimeout(() => {
    late.add(timer);
    update(state, { isWaking: true });
  }, WAKING_MS);
  try {
    return await fetchJson(method, address(path, query), body, bearer);
  } finally {
    clearTimeout(timer);
    if (late.delete(timer)) update(state, { isWaking: late.size > 0 });
    const next = queue.shift();
    if (next) next();
    else running -= 1;
  }
}

function address(path, query) {
  const given = Object.entries(query ?? {}).filter(([, value]) => value !== null && value !== undefined);
  const text = new URLSearchParams(given).toString();
  return base + path + (text && `?${text}`);
}

async function fetchJson(method, url, body, bearer) {
  const headers = { Authorization: `Bearer ${bearer}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  let text;
  try {
    response = await fetch(url, {
      method,
      headers,
      body: body === undefined ? undefined : JSON.stringify(body),
      cache: "no-store",
      credentials: "omit",
      redirect: "error",
      signal: AbortSignal.timeout(TIMEOUT_MS),
    });
    text = await response.text();
  } catch (error) {
    const late = error.name === "TimeoutError";
    throw new ApiError(0, late ? "There is no answer after 35 seconds." : "The gateway cannot be reached.");
  }
  const answer = parse(text);
  if (response.ok) return answer;
  throw refusal(response, answer);
}

function parse(text) {
  try {
    return JSON.parse(text);
  } catch {
    return {};
  }
}

function refusal(response, answer) {
  const { status, statusText } = response;
  const issues = Array.isArray(answer.message) ? answer.message : [];
  const fields = issues.map((issue) => `${issue.path?.join(".") || "request"}: ${issue.message}`);
  const unreachable = `The function cannot be reached (${status} ${statusText}).`;
  // An answer without statusCode is the gateway's own.
  const told = answer.statusCode ? fields.join("; ") || answer.message : null;
  const message =
    told || (status >= 502 ? unreachable : `The gateway refused this (${status} ${statusText}).`);
  const seconds = Number(response.headers.get("Retry-After"));
  const waitMs = status === 429 ? seconds * 1000 || TOO_MANY_MS : 0;
  return new ApiError(status, message, { issues, reqId: answer.reqId, plan: answer.plan, waitMs });
}
