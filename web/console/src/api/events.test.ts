import { describe, expect, it } from "vitest";
import { eventParser, type StreamEvent } from "./events.js";

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
