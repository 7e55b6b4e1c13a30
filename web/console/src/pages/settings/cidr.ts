// How many addresses a network holds, so that a slip of the finger is seen before it shuts out a city.

const ADDRESS_BITS = { v4: 32, v6: 128 } as const;

/**
 * What a network means in words, or `undefined` while it is not one yet.
 *
 * This is no check: the service decides what it takes.
 */
export function breadthWords(cidr: string): string | undefined {
  const [address = "", prefix, ...rest] = cidr.trim().split("/");
  const bits = bitsOf(address);
  if (bits === undefined || rest.length > 0) return undefined;
  if (prefix === undefined) return "One address.";
  if (!/^\d{1,3}$/.test(prefix) || Number(prefix) > bits) return undefined;
  const free = bits - Number(prefix);
  if (free === 0) return "One address.";
  if (bits === ADDRESS_BITS.v6) return sixWords(Number(prefix));
  return `${(2 ** free).toLocaleString("en")} addresses.`;
}

function bitsOf(address: string): number | undefined {
  const bytes = address.split(".");
  const isByte = (text: string) => /^\d{1,3}$/.test(text) && Number(text) <= 255;
  if (bytes.length === 4 && bytes.every(isByte)) return ADDRESS_BITS.v4;
  return /^[0-9a-f:]*:[0-9a-f:.]*$/i.test(address) && address.length > 1
    ? ADDRESS_BITS.v6
    : undefined;
}

/** A connection at home mostly has a /64 or a /56. */
function sixWords(prefix: number): string {
  if (prefix > 64) return "A part of one connection's addresses.";
  if (prefix === 64) return "The addresses of one connection.";
  const networks = 2 ** (64 - prefix);
  return `As many addresses as ${networks.toLocaleString("en")} connections have.`;
}
