import { describe, expect, it, vi } from "vitest";
import { eventParser, followEvents, LONGEST_SILENCE, type StreamEvent } from "./events.js";

function parsed(...pieces: string[]): StreamEvent[] {
  const events: StreamEvent[] = [];
  const parse = eventParser((event) => events.push(event));
  for (const piece of pieces) parse(piece);
  return events;
}

describe("a stream of events", () => {
  it("is cut into events wherever it is torn", () => {
    const text = 'event: counts\ndata: {"online":1}\n\nid: 7\nevent: transition\ndata: {}\n\n';
    const whole = parsed(text);
    expect(whole).toEqual([
      { event: "counts", data: '{"online":1}', id: null },
      { event: "transition", data: "{}", id: "7" },
    ]);
    expect(parsed(...text)).toEqual(whole);
  });

  it("may end its lines in any of the three ways, also between two pieces", () => {
    const crlf = parsed("data: a\r", "\n\r\n");
    expect(crlf).toEqual([{ event: "message", data: "a", id: null }]);
    expect(parsed("data: a\r\rdata: b\n\n").map((event) => event.data)).toEqual(["a", "b"]);
  });

  it("has comments and unknown fields, which say nothing", () => {
    expect(parsed(": alive\n\nretry: 2000\n\ndata:bare\ndata: two\n\n")).toEqual([
      { event: "message", data: "bare\ntwo", id: null },
    ]);
  });
});

describe("the following of a stream", () => {
  it("opens it again when it has gone silent, and not while it speaks", async () => {
    vi.useFakeTimers();
    vi.stubGlobal("sessionStorage", { getItem: () => null, setItem: () => undefined });
    const { keep } = await import("./session.js");
    keep({ access: "a.e30.s", refresh: "r" });
    let speak: (text: string) => void = () => undefined;
    const opened = vi.fn(async (_: string, { signal }: RequestInit) => {
      const body = new ReadableStream<Uint8Array>({
        start(controller) {
          speak = (text) => controller.enqueue(new TextEncoder().encode(text));
          signal?.addEventListener("abort", () => controller.error(signal.reason));
        },
      });
      return new Response(body);
    });
    vi.stubGlobal("fetch", opened);
    const broken = vi.fn();
    const stop = followEvents("/events", {}, { onEvent: () => undefined, onBreak: broken });
    await vi.advanceTimersByTimeAsync(LONGEST_SILENCE - 1);
    speak(": alive\n\n");
    await vi.advanceTimersByTimeAsync(LONGEST_SILENCE - 1);
    expect(broken).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(1000 + 2);
    expect(broken).toHaveBeenCalledWith(null, false);
    expect(opened).toHaveBeenCalledTimes(2);
    stop();
    await vi.advanceTimersByTimeAsync(10 * LONGEST_SILENCE);
    expect(opened).toHaveBeenCalledTimes(2);
    vi.useRealTimers();
  });
});
