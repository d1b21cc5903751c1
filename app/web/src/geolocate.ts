// The device's position, or a reason in words why there is none.
import type { Word } from "./i18n";
import type { LonLat } from "./types";

export class NoPosition extends Error {
  constructor(readonly word: Word) {
    super(word);
  }
}

export function devicePosition(): Promise<LonLat> {
  return new Promise((resolve, reject) => {
    if (!("geolocation" in navigator) || !window.isSecureContext) {
      reject(new NoPosition("locate.unsupported"));
      return;
    }
    navigator.geolocation.getCurrentPosition(
      ({ coords }) => resolve({ lon: coords.longitude, lat: coords.latitude }),
      (error) => {
        if (error.code === error.PERMISSION_DENIED) reject(new NoPosition("locate.denied"));
        else if (error.code === error.TIMEOUT) reject(new NoPosition("locate.timeout"));
        else reject(new NoPosition("locate.unavailable"));
      },
      { timeout: 12_000, maximumAge: 60_000 },
    );
  });
}
