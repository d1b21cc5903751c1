// Wall-clock times of a zone, as date and time fields have them, to and from instants.

const clocks = new Map<string, Intl.DateTimeFormat>();

function wall(instant: number, zone: string): number {
  let clock = clocks.get(zone);
  if (clock === undefined) {
    clock = new Intl.DateTimeFormat("en-CA", {
      timeZone: zone,
      hourCycle: "h23",
      year: "numeric",
      month: "2-digit",
      day: "2-digit",
      hour: "2-digit",
      minute: "2-digit",
      second: "2-digit",
    });
    clocks.set(zone, clock);
  }
  const part = Object.fromEntries(clock.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  return Date.UTC(part["year"] ?? 0, (part["month"] ?? 1) - 1, part["day"], part["hour"], part["minute"], part["second"]);
}

/** "2026-12-01T09:30" on the wall of a zone. */
export function localOf(instant: string, zone: string): string {
  return new Date(wall(Date.parse(instant), zone)).toISOString().slice(0, 16);
}

/** The instant at which the wall of a zone shows "2026-12-01T09:30"; null for text that is no time. */
export function instantOf(local: string, zone: string): string | null {
  const shown = Date.parse(`${local}Z`);
  if (local === "" || Number.isNaN(shown)) return null;
  let instant = shown;
  // Twice, since the offset may change between the first guess and the answer.
  for (let round = 0; round < 2; round += 1) instant += shown - wall(instant, zone);
  return new Date(instant).toISOString();
}

/** The midnight that begins the day so many days from now, on the wall of a zone. */
export function midnight(days: number, zone: string): string {
  const today = localOf(new Date().toISOString(), zone).slice(0, 10);
  const day = new Date(Date.parse(`${today}T00:00Z`) + days * 86_400_000).toISOString().slice(0, 10);
  return `${day}T00:00`;
}
