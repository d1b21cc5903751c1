// A number that this browser alone has; sent only where the terms count devices.
import { local, newId } from "./storage";

const DEVICE = "fujin.device";

export function deviceId(): string {
  const kept = local.read<string>(DEVICE);
  if (kept !== null) return kept;
  const made = newId();
  local.write(DEVICE, made);
  return made;
}
