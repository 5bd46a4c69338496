// Questions to the server. A newer question of the same kind makes the older one void.

/** A refusal, or no answer at all. */
export class Refused extends Error {
  constructor(status, message, field) {
    super(message);
    this.status = status;
    this.field = field;
  }
}

const open = new Map();
let token = sessionStorage.getItem("token") || "";

/** From now on requests carry this token; it is kept for this tab. */
export function useToken(given) {
  token = given;
  sessionStorage.setItem("token", given);
}

async function send(path, body, signal) {
  const headers = {};
  if (token) headers.Authorization = `Bearer ${token}`;
  if (body) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method: body ? "POST" : "GET", headers, body: body && JSON.stringify(body), signal });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Refused(0, "The server does not answer. Is it still running?");
  }
  const answer = await response.json().catch(() => null);
  if (response.ok && answer) return answer;
  const told = answer && answer.error;
  throw new Refused(response.status, told ? told.message : `The server answered ${response.status}.`, told && told.field);
}

/** The answer to a question; null if a newer one of the same kind was asked meanwhile. */
export async function ask(kind, path, body) {
  open.get(kind)?.abort();
  const own = new AbortController();
  open.set(kind, own);
  try {
    return await send(path, body, own.signal);
  } catch (error) {
    if (error.name === "AbortError") return null;
    throw error;
  } finally {
    if (open.get(kind) === own) open.delete(kind);
  }
}

/** The question of a kind that is still open, if there is one, is void. */
export const drop = (kind) => open.get(kind)?.abort();

/** The models of the server. */
export const models = () => send("v1/models").then((answer) => answer.models);
