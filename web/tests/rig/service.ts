/** A real service with stores of its own: `rollcall dev` in a directory that is gone afterwards. */
import { type ChildProcess, spawn } from "node:child_process";
import { openSync, readFileSync, rmSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { rollcall } from "./binary.ts";
import { until } from "./until.ts";

/** Times of presence that a test can wait for: a silent socket or page is gone after 5 s, a goodbye takes 3 s. */
export const SHORT: Record<string, string> = {
  ROLLCALL_PRESENCE_HEARTBEAT: "1s",
  ROLLCALL_PRESENCE_TTL: "5s",
  ROLLCALL_PRESENCE_HIDDEN_HEARTBEAT: "1s",
  ROLLCALL_PRESENCE_HIDDEN_TTL: "5s",
  ROLLCALL_PRESENCE_SOCKET_PING: "1s",
  ROLLCALL_PRESENCE_SOCKET_TTL: "5s",
  ROLLCALL_PRESENCE_LINGER: "3s",
};
/** Of those the two that tests count with, in ms. */
export const TTL = 5000;
export const LINGER = 3000;

/** For a start, which makes a database the first time, and for an orderly end. In ms. */
const START_LIMIT = 90_000;
const STOP_LIMIT = 30_000;

/** How a service is started. */
export interface Options {
  /** With the crowd of 200 and the demo page. */
  demo?: boolean;
  /** Settings, as environment; without them {@link SHORT}. */
  settings?: Record<string, string>;
}

/** A running service. */
export class Service {
  /** `http://127.0.0.1:port`; stays the same over restarts. */
  base = "";
  /** Of `admin`, `moderator`, `user` and the crowd. */
  password = "";
  readonly dataDir: string;
  readonly #options: Options;
  #child: ChildProcess | undefined;

  private constructor(dataDir: string, options: Options) {
    this.dataDir = dataDir;
    this.#options = options;
  }

  /** Starts one and waits until somebody can log in. */
  static async start(options: Options = {}): Promise<Service> {
    const dataDir = await mkdtemp(join(tmpdir(), "rollcall-web-"));
    const service = new Service(dataDir, options);
    await service.begin();
    return service;
  }

  /** Starts it again where it was, after {@link kill} or {@link end}. */
  async begin(): Promise<void> {
    const { demo, settings } = this.#options;
    const address = this.base ? new URL(this.base).host : "127.0.0.1:0";
    const listen = ["--listen", address, "--internal-listen", "127.0.0.1:0"];
    const args = ["dev", ...(demo ? ["--demo"] : []), "--data-dir", this.dataDir, ...listen];
    const said = join(this.dataDir, "said.log");
    const out = openSync(said, "w");
    const trouble = openSync(join(this.dataDir, "trouble.log"), "a");
    const child = spawn(rollcall(), args, {
      env: { ...surroundings(), ...(settings ?? SHORT) },
      stdio: ["ignore", out, trouble],
    });
    this.#child = child;
    const ready = /rollcall is ready\s+(http:\/\/[^/\s]+)\//;
    const [, base] = await until(
      "the service is ready",
      () => {
        if (child.exitCode !== null) throw new Error(`it ended: ${this.trouble()}`);
        return ready.exec(readFileSync(said, "utf8")) ?? undefined;
      },
      START_LIMIT,
    );
    this.base = base ?? "";
    this.password = readFileSync(join(this.dataDir, "password"), "utf8").trim();
  }

  /** Ends it without any warning. Its stores end by themselves. */
  async kill(): Promise<void> {
    this.#child?.kill("SIGKILL");
    await this.#ended();
  }

  /** Ends it in order. */
  async end(): Promise<void> {
    this.#child?.kill("SIGTERM");
    await this.#ended();
  }

  /** Ends it in order and removes what it kept. */
  async stop(): Promise<void> {
    await this.end();
    rmSync(this.dataDir, { recursive: true, force: true });
  }

  /** The end of what it complained about. */
  trouble(): string {
    return readFileSync(join(this.dataDir, "trouble.log"), "utf8").slice(-2000);
  }

  async #ended(): Promise<void> {
    const child = this.#child;
    const over = () => !child || child.exitCode !== null || child.signalCode !== null;
    await until("the service has ended", over, STOP_LIMIT);
  }
}

/** The environment without settings of a service that is meant for another. */
function surroundings(): Record<string, string | undefined> {
  const kept = Object.entries(process.env).filter(
    ([name]) => !name.startsWith("ROLLCALL_") || name === "ROLLCALL_POSTGRES_BIN",
  );
  return Object.fromEntries(kept);
}
