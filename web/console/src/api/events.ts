// Server-sent events by fetch, because the browser's own EventSource cannot send a token. The stream ends with its token, when
// the node stops, and with the network: it is opened again, after a wait that grows and differs from tab to tab. So is one
// that has gone silent: a connection that broke without a word looks like one on which nothing happens.

import { answer, type Query } from "./client.js";
import { asProblem, isAborted, type Problem } from "./problem.js";

/** One event of a stream. */
export interface StreamEvent {
  event: string;
  data: string;
  id: string | null;
}

/** Who listens. */
export interface Listener {
  onEvent: (event: StreamEvent) => void;
  /** It is open; `isAgain` after an interruption, in which events may have been missed. */
  onOpen?: (isAgain: boolean) => void;
  /** It is interrupted, and will be opened again unless `isFinal`. */
  onBreak?: (problem: Problem | null, isFinal: boolean) => void;
}

const FIRST_WAIT = 1000;
const LONGEST_WAIT = 20_000;
/** A stream is given up after so long without a byte, in ms: the service writes a comment each 15 s. */
export const LONGEST_SILENCE = 45_000;

/** Cuts text, as it arrives, into events. */
export function eventParser(onEvent: (event: StreamEvent) => void): (text: string) => void {
  let rest = "";
  let name = "";
  let id: string | null = null;
  let data: string[] = [];
  const end = () => {
    if (data.length > 0) onEvent({ event: name || "message", data: data.join("\n"), id });
    name = "";
    data = [];
  };
  const line = (text: string) => {
    if (text === "") return end();
    const [, field, value = ""] = /^([^:]*):? ?(.*)$/s.exec(text) ?? [];
    if (field === "event") name = value;
    else if (field === "data") data.push(value);
    else if (field === "id") id = value;
  };
  return (text) => {
    const lines = (rest + text).split(/\r\n|\n|\r(?!$)/);
    rest = lines.pop() ?? "";
    for (const whole of lines) line(whole);
  };
}

/** Follows a stream until what it answers is called. A refusal (401, 403) ends it. */
export function followEvents(path: string, query: Query, listener: Listener): () => void {
  const aborter = new AbortController();
  void follow(path, query, listener, aborter.signal);
  return () => aborter.abort();
}

async function follow(
  path: string,
  query: Query,
  listener: Listener,
  signal: AbortSignal,
): Promise<void> {
  let wait = FIRST_WAIT;
  for (let isAgain = false; !signal.aborted; isAgain = true) {
    let problem: Problem | null = null;
    const attempt = attemptOf(signal);
    try {
      const response = await answer(path, { query, signal: attempt.signal });
      listener.onOpen?.(isAgain);
      wait = FIRST_WAIT;
      await drain(response, listener.onEvent, attempt.heard);
    } catch (error) {
      if (!isAborted(error)) problem = asProblem(error);
    } finally {
      attempt.end();
    }
    if (signal.aborted) return;
    const isFinal = problem?.status === 401 || problem?.status === 403;
    listener.onBreak?.(problem, isFinal);
    if (isFinal) return;
    await sleep(Math.max(problem?.retryAfter ?? 0, wait * (0.5 + Math.random() / 2)), signal);
    wait = Math.min(wait * 2, LONGEST_WAIT);
  }
}

/** A signal that ends with the whole, and after a long silence. */
function attemptOf(whole: AbortSignal) {
  const aborter = new AbortController();
  const stop = () => aborter.abort();
  let timer = setTimeout(stop, LONGEST_SILENCE);
  whole.addEventListener("abort", stop);
  return {
    signal: aborter.signal,
    heard: () => {
      clearTimeout(timer);
      timer = setTimeout(stop, LONGEST_SILENCE);
    },
    end: () => {
      clearTimeout(timer);
      whole.removeEventListener("abort", stop);
    },
  };
}

async function drain(
  response: Response,
  onEvent: (event: StreamEvent) => void,
  heard: () => void,
): Promise<void> {
  const reader = response.body?.getReader();
  if (!reader) return;
  const decoder = new TextDecoder();
  const parse = eventParser(onEvent);
  for (;;) {
    const { done, value } = await reader.read();
    heard();
    if (done) return;
    parse(decoder.decode(value, { stream: true }));
  }
}

function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
}
