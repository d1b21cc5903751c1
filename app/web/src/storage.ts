// What this device keeps; a browser that keeps nothing gets a memory that lasts as long as the page.

type Kind = "local" | "session";

const memory = new Map<string, string>();

/** Reads, writes and removes JSON under a name. */
export class Shelf {
  constructor(private readonly kind: Kind) {}

  private store(): Storage {
    return this.kind === "local" ? localStorage : sessionStorage;
  }

  read<T>(name: string): T | null {
    let text: string | null;
    try {
      text = this.store().getItem(name);
    } catch {
      text = null;
    }
    text ??= memory.get(name) ?? null;
    try {
      return text === null ? null : (JSON.parse(text) as T);
    } catch {
      return null;
    }
  }

  write(name: string, value: unknown): void {
    const text = JSON.stringify(value);
    try {
      this.store().setItem(name, text);
      memory.delete(name);
    } catch {
      memory.set(name, text);
    }
  }

  remove(name: string): void {
    memory.delete(name);
    try {
      this.store().removeItem(name);
    } catch {
      // There is nothing to remove where nothing can be kept.
    }
  }

  /** The names that begin with `prefix`. */
  names(prefix: string): string[] {
    const kept = new Set([...memory.keys()]);
    try {
      for (let at = 0; at < this.store().length; at += 1) kept.add(this.store().key(at) ?? "");
    } catch {
      // Only the memory is left.
    }
    return [...kept].filter((name) => name.startsWith(prefix));
  }
}

export const local = new Shelf("local");
export const perTab = new Shelf("session");

/** A random UUID; unlike crypto.randomUUID this works on a plain http address too. */
export function newId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  bytes[6] = ((bytes[6] ?? 0) & 0x0f) | 0x40;
  bytes[8] = ((bytes[8] ?? 0) & 0x3f) | 0x80;
  const hex = [...bytes].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join("-");
}
