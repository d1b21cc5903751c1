// Distances on the sphere, as the search itself measures them, and between a point and a city's box.
import type { City, LonLat } from "./types";

const EARTH_RADIUS_M = 6_371_008.77;

const radians = (degrees: number): number => (degrees * Math.PI) / 180;

/** Metres along the great circle (haversine). */
export function metresBetween(a: LonLat, b: LonLat): number {
  const dLat = radians(b.lat - a.lat) / 2;
  const dLon = radians(b.lon - a.lon) / 2;
  const h = Math.sin(dLat) ** 2 + Math.cos(radians(a.lat)) * Math.cos(radians(b.lat)) * Math.sin(dLon) ** 2;
  return 2 * EARTH_RADIUS_M * Math.asin(Math.min(1, Math.sqrt(h)));
}

/** Metres from `point` to the nearest edge or corner of a box, 0 inside; west > east crosses 180°. */
function metresToBox(point: LonLat, [west, south, east, north]: City["bbox"]): number {
  const lat = Math.max(south, Math.min(north, point.lat));
  const inside = west <= east ? point.lon >= west && point.lon <= east : point.lon >= west || point.lon <= east;
  if (inside) return metresBetween(point, { lon: point.lon, lat });
  return Math.min(metresBetween(point, { lon: west, lat }), metresBetween(point, { lon: east, lat }));
}

/** The city whose box is nearest, and how far away that is; undefined without cities. */
export function nearestCity(point: LonLat, cities: City[]): { city: City; distance_m: number } | undefined {
  const away = cities.map((city) => ({
    city,
    distance_m: metresToBox(point, city.bbox),
    centre_m: metresBetween(point, city.centre),
  }));
  return away.sort((a, b) => a.distance_m - b.distance_m || a.centre_m - b.centre_m)[0];
}
