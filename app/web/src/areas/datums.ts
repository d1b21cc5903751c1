// Positions of Chinese map datums as WGS 84: the public formulas, as geo/grid_shift.py has them; for drawings read from files. Pure.
import type { Corner } from "./areatypes";

export const DATUMS = ["wgs84", "gcj02", "bd09"] as const;
export type Datum = (typeof DATUMS)[number];

const { PI, sin, cos, sqrt, abs, hypot, atan2 } = Math;
const AXIS_M = 6_378_245;
const EE = 0.00669342162296594323;
const BD_TURN = (PI * 3000) / 180;

/** Degrees from WGS 84 to GCJ-02: a polynomial and ripples in metres about 105° E, 35° N. */
function gcjOffset([lon, lat]: Corner): Corner {
  const [x, y] = [lon - 105, lat - 35];
  const root = sqrt(abs(x));
  const ripple = 20 * sin(6 * PI * x) + 20 * sin(2 * PI * x);
  const northWaves = 20 * sin(PI * y) + 40 * sin((PI * y) / 3) + 160 * sin((PI * y) / 12) + 320 * sin((PI * y) / 30);
  const north = -100 + 2 * x + 3 * y + 0.2 * y * y + 0.1 * x * y + 0.2 * root + ((ripple + northWaves) * 2) / 3;
  const eastWaves = 20 * sin(PI * x) + 40 * sin((PI * x) / 3) + 150 * sin((PI * x) / 12) + 300 * sin((PI * x) / 30);
  const east = 300 + x + 2 * y + 0.1 * x * x + 0.1 * x * y + 0.1 * root + ((ripple + eastWaves) * 2) / 3;
  const phi = (lat * PI) / 180;
  const magic = 1 - EE * sin(phi) ** 2;
  const meridian = (((AXIS_M * (1 - EE)) / (magic * sqrt(magic))) * PI) / 180;
  const parallel = ((AXIS_M / sqrt(magic)) * cos(phi) * PI) / 180;
  return [east / parallel, north / meridian];
}

/** Degrees from GCJ-02 to BD-09: a turn, a stretch and a push. */
function bdOffset([lon, lat]: Corner): Corner {
  const length = hypot(lon, lat) + 0.00002 * sin(lat * BD_TURN);
  const angle = atan2(lat, lon) + 0.000003 * cos(lon * BD_TURN);
  return [length * cos(angle) + 0.0065 - lon, length * sin(angle) + 0.006 - lat];
}

/** The position that an offset moves to the given one: a fixed point, of which each step leaves 2 % of the error at most. */
function inverse([lon, lat]: Corner, offset: (at: Corner) => Corner): Corner {
  let guess: Corner = [lon, lat];
  for (let step = 0; step < 7; step += 1) {
    const [east, north] = offset(guess);
    guess = [lon - east, lat - north];
  }
  return guess;
}

/** A position in mainland China that is written in a datum, as WGS 84. */
export function toWgs84(at: Corner, datum: Datum): Corner {
  if (datum === "wgs84") return at;
  return inverse(datum === "bd09" ? inverse(at, bdOffset) : at, gcjOffset);
}
