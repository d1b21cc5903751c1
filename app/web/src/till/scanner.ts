// Codes by camera: the browser's own detector where there is one, else a decoder of ours over still frames.
import decodeQR from "qr/decode.js";
import { pause } from "../intents";

export class NoCamera extends Error {
  constructor(readonly why: "denied" | "missing" | "insecure" | "busy") {
    super(why);
  }
}

interface Detector {
  detect(source: HTMLVideoElement): Promise<{ rawValue: string }[]>;
}

interface DetectorClass {
  new (options: { formats: string[] }): Detector;
  getSupportedFormats(): Promise<string[]>;
}

type Look = (video: HTMLVideoElement) => Promise<string | null>;

const EVERY_S = 0.12;
const WIDEST = 720;

async function ownDetector(): Promise<Look | null> {
  const found = (globalThis as { BarcodeDetector?: DetectorClass }).BarcodeDetector;
  if (found === undefined) return null;
  try {
    if (!(await found.getSupportedFormats()).includes("qr_code")) return null;
    const detector = new found({ formats: ["qr_code"] });
    return async (video) => (await detector.detect(video))[0]?.rawValue ?? null;
  } catch {
    return null;
  }
}

/** Decodes the middle square of the picture, where the frame on the screen is. */
function ourDetector(): Look {
  const canvas = document.createElement("canvas");
  const context = canvas.getContext("2d", { willReadFrequently: true });
  return async (video) => {
    const side = Math.min(video.videoWidth, video.videoHeight);
    if (context === null || side === 0) return null;
    const size = Math.min(side, WIDEST);
    canvas.width = size;
    canvas.height = size;
    context.drawImage(video, (video.videoWidth - side) / 2, (video.videoHeight - side) / 2, side, side, 0, 0, size, size);
    try {
      return decodeQR(context.getImageData(0, 0, size, size));
    } catch {
      // Most frames hold no code.
      return null;
    }
  };
}

async function camera(): Promise<MediaStream> {
  // Without a secure context browsers leave mediaDevices out.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (devices === undefined) throw new NoCamera("insecure");
  try {
    return await devices.getUserMedia({ audio: false, video: { facingMode: "environment", width: { ideal: 1280 } } });
  } catch (error) {
    const name = error instanceof DOMException ? error.name : "";
    if (name === "NotAllowedError" || name === "SecurityError") throw new NoCamera("denied");
    throw new NoCamera(name === "NotFoundError" || name === "OverconstrainedError" ? "missing" : "busy");
  }
}

/** Shows the camera in `video` and offers what each code says to `take`, until that returns true; NoCamera, AbortError. */
export async function scan(video: HTMLVideoElement, take: (text: string) => boolean, signal: AbortSignal): Promise<void> {
  const stream = await camera();
  const stop = (): void => {
    for (const track of stream.getTracks()) track.stop();
    video.srcObject = null;
  };
  signal.addEventListener("abort", stop);
  try {
    if (signal.aborted) throw new DOMException("given up", "AbortError");
    video.srcObject = stream;
    await video.play();
    const look = (await ownDetector()) ?? ourDetector();
    for (;;) {
      const text = await look(video).catch(() => null);
      if (signal.aborted) throw new DOMException("given up", "AbortError");
      if (text !== null && text !== "" && take(text)) return;
      await pause(EVERY_S, signal);
    }
  } finally {
    signal.removeEventListener("abort", stop);
    stop();
  }
}
