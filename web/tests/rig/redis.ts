/** The private Redis of a service, to be killed and started again. It listens on a Unix socket of the data directory only. */
import { spawn } from "node:child_process";
import { connect } from "node:net";
import { join } from "node:path";
import type { Service } from "./service.ts";
import { until } from "./until.ts";

/** What a second life needs of the first one's settings. */
const SETTINGS = [
  "port",
  "unixsocket",
  "unixsocketperm",
  "dir",
  "save",
  "appendonly",
  "appendfsync",
  "maxmemory-policy",
  "notify-keyspace-events",
  "hash-max-listpack-value",
  "hash-max-listpack-entries",
];

/** A Redis that can be killed and come back. */
export class Redis {
  readonly #socket: string;
  #program = "";
  #args: string[] = [];
  /** The one that we started, which the service does not know and so does not end. */
  #ours: number | undefined;

  constructor(service: Service) {
    this.#socket = join(service.dataDir, "sockets", "redis.sock");
  }

  /** Kills it: what was not written yet (a second at most) is lost. */
  async kill(): Promise<void> {
    const facts = await this.ask("INFO server");
    const fact = (name: string) => new RegExp(`^${name}:(.*?)\r?$`, "m").exec(facts)?.[1] ?? "";
    this.#program = fact("executable");
    this.#args = [];
    for (const name of SETTINGS) {
      const value = (await this.ask(`CONFIG GET ${name}`)).split("\r\n")[4] ?? "";
      this.#args.push(`--${name}`, value);
    }
    process.kill(Number(fact("process_id")), "SIGKILL");
    await until("Redis is gone", () =>
      this.ask("PING")
        .then(() => false)
        .catch(() => true),
    );
  }

  /** Starts it again with what it kept. */
  async begin(): Promise<void> {
    const child = spawn(this.#program, this.#args, { stdio: "ignore" });
    this.#ours = child.pid;
    await until("Redis answers", async () => (await this.ask("PING")).startsWith("+PONG"));
  }

  /** Ends what {@link begin} started. */
  stop(): void {
    if (this.#ours) process.kill(this.#ours, "SIGKILL");
    this.#ours = undefined;
  }

  /** One command without blanks in its arguments; the raw answer. */
  ask(command: string): Promise<string> {
    return new Promise((resolve, reject) => {
      const socket = connect(this.#socket);
      let answer = "";
      socket.setEncoding("utf8");
      socket.setTimeout(2000, () => socket.destroy(new Error("Redis does not answer")));
      socket.on("connect", () => socket.write(`${command}\r\nQUIT\r\n`));
      socket.on("data", (chunk) => {
        answer += chunk;
      });
      socket.on("error", reject);
      socket.on("close", () => (answer ? resolve(answer) : reject(new Error("no answer"))));
    });
  }
}
