// @vitest-environment happy-dom
// The hooks of React, in StrictMode and on a server.

import { act, createElement, StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { renderToString } from "react-dom/server";
import { expect, test, vi } from "vitest";
import { createClient } from "../src/client.js";
import { RollcallProvider, usePresence, useRollcall } from "../src/react.js";
import { Service, tokenOf, view } from "./service.js";

Object.assign(globalThis, { IS_REACT_ACT_ENVIRONMENT: true });

const Person = ({ id }: { id: string }) => createElement("b", null, usePresence(id)?.status ?? "?");
const options = (service: Service) => ({
  url: "https://rollcall.example.com",
  token: tokenOf(),
  tabs: false,
  fetch: service.fetch,
  WebSocket: service.SocketClass,
});

test("a component follows somebody, and lets go of them", async () => {
  const service = new Service();
  service.views.set("1", view("1"));
  const client = createClient(options(service), {});
  const root = createRoot(document.body.appendChild(document.createElement("div")));
  const page = (id: string) =>
    createElement(
      StrictMode,
      null,
      createElement(RollcallProvider, { client }, createElement(Person, { id })),
    );
  const shown = () => document.querySelector("b")?.textContent;
  await act(async () => root.render(page("1")));
  await vi.waitFor(() => expect(client.state).toBe("live"));
  await act(async () => {});
  expect(shown()).toBe("online");
  await act(async () => service.peer.say({ type: "presence", ...view("1", "away", 2) }));
  expect(shown()).toBe("away");
  await act(async () => root.render(page("2")));
  expect(shown()).toBe("offline");
  await act(async () => root.unmount());
  expect(service.peer.said("unwatch").map(({ users }) => users)).toEqual([["1"], ["2"]]);
  expect(client.state).toBe("live");
  await client.close();
});

test("a provider with options connects once it is mounted, and closes when it is gone", async () => {
  const service = new Service();
  const root = createRoot(document.createElement("div"));
  const Own = () => createElement("i", null, String(useRollcall()?.state));
  await act(async () =>
    root.render(
      createElement(
        StrictMode,
        null,
        createElement(RollcallProvider, options(service), createElement(Own)),
      ),
    ),
  );
  await vi.waitFor(() => expect(service.peers).toHaveLength(1));
  await vi.waitFor(() => expect(service.peer.said("hello")).toHaveLength(1));
  await act(async () => root.unmount());
  expect(service.peer.closedWith).toBe(1000);
});

test("on a server nobody is connected, and nobody's presence is known", () => {
  const service = new Service();
  const page = createElement(
    RollcallProvider,
    options(service),
    createElement(Person, { id: "1" }),
  );
  expect(renderToString(page)).toBe("<b>?</b>");
  expect(service.peers).toEqual([]);
});
