// The device's position, or a reason why there is none.
import type { LonLat } from "./types";

export class NoPosition extends Error {
  constructor(readonly why: "denied" | "timeout" | "unavailable" | "unsupported") {
    super(why);
  }
}

function measured(options: PositionOptions): Promise<GeolocationPosition> {
  return new Promise((resolve, reject) => {
    if (!("geolocation" in navigator) || !window.isSecureContext) {
      reject(new NoPosition("unsupported"));
      return;
    }
    navigator.geolocation.getCurrentPosition(
      resolve,
      (error) => {
        if (error.code === error.PERMISSION_DENIED) reject(new NoPosition("denied"));
        else reject(new NoPosition(error.code === error.TIMEOUT ? "timeout" : "unavailable"));
      },
      options,
    );
  });
}

/** Good enough to search around. */
export async function devicePosition(): Promise<LonLat> {
  const { coords } = await measured({ timeout: 12_000, maximumAge: 60_000 });
  return { lon: coords.longitude, lat: coords.latitude };
}

export interface DeviceFix extends LonLat {
  accuracy_m: number;
  /** When it was measured, RFC 3339. */
  at: string;
}

/** As good as the device can, measured now: what a claim at a place is judged by. */
export async function deviceFix(): Promise<DeviceFix> {
  const { coords, timestamp } = await measured({ timeout: 20_000, maximumAge: 0, enableHighAccuracy: true });
  return {
    lon: coords.longitude,
    lat: coords.latitude,
    accuracy_m: Math.round(coords.accuracy * 10) / 10,
    at: new Date(timestamp).toISOString(),
  };
}
