/**
 * Who this window is. Windows of one browser should be different people, so that they can watch each other: each takes
 * somebody whom no other window holds, and stays that person over reloads.
 */

/** Somebody who can be played. */
export interface Person {
  username: string;
  user_id: string;
  name: string;
}

const KEY = "rollcall-demo.who";
/** How long a window waits for its own person after a reload: the page before it lets go while it is unloaded, in ms. */
const LETTING_GO = 1500;

/** Everybody who can be played. */
export async function people(): Promise<Person[]> {
  const answer = await fetch("/demo/people/");
  if (!answer.ok) throw new Error(`/demo/people/ answered ${answer.status}`);
  const list = (await answer.json()) as { people: Person[] };
  return list.people.map((person) => ({ ...person, user_id: String(person.user_id) }));
}

/** Who `?as=` names; else who this window was before; else somebody whom no other window is. */
export async function choose(everybody: Person[]): Promise<Person> {
  const find = (name: string | null) => everybody.find((person) => person.username === name);
  const named = find(new URLSearchParams(location.search).get("as"));
  if (named) return named;
  const before = find(sessionStorage.getItem(KEY));
  if (before && (await hold(before, AbortSignal.timeout(LETTING_GO)))) return before;
  for (const person of shuffled(everybody)) {
    if (!(await hold(person))) continue;
    sessionStorage.setItem(KEY, person.username);
    return person;
  }
  throw new Error("There are more windows than people: close one, or name somebody by ?as=");
}

/** The address of this page as somebody else. */
export function addressOf(person: Person): string {
  return `?as=${encodeURIComponent(person.username)}`;
}

/** Takes somebody for as long as this window lives; waits for them until `patience` ends, if there is one. */
function hold(person: Person, patience?: AbortSignal): Promise<boolean> {
  // Pages that are neither HTTPS nor of this machine have no locks: then two windows may be one person, which does no harm.
  if (!navigator.locks) return Promise.resolve(true);
  const options = patience ? { signal: patience } : { ifAvailable: true };
  return new Promise((resolve) => {
    const held = (lock: Lock | null) => {
      resolve(lock !== null);
      return lock ? new Promise(() => {}) : undefined;
    };
    navigator.locks
      .request(`rollcall-demo.${person.username}`, options, held)
      .catch(() => resolve(false));
  });
}

function shuffled<T>(list: T[]): T[] {
  const keyed = list.map((item) => ({ item, key: Math.random() }));
  return keyed.sort((a, b) => a.key - b.key).map(({ item }) => item);
}
