// How the map is drawn: colours come from the page's CSS custom properties, so that both follow light and dark.
import type { FeatureLike } from "ol/Feature";
import CircleStyle from "ol/style/Circle";
import Fill from "ol/style/Fill";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import Text from "ol/style/Text";

const names = [
  "land", "water", "water-line", "green", "road", "road-major", "road-case", "rail", "label", "halo",
  "region", "dot", "dot-deal", "pin", "pin-ink", "pin-deal", "pin-deal-ink", "ring", "ring-fill",
] as const;

type Palette = Record<(typeof names)[number], string> & { font: string };

export function readPalette(): Palette {
  const css = getComputedStyle(document.documentElement);
  const entries = names.map((name) => [name, css.getPropertyValue(`--map-${name}`).trim()]);
  return { ...Object.fromEntries(entries), font: css.getPropertyValue("--sans").trim() } as Palette;
}

// Width in pixels at zoom 12 and at zoom 17, drawing order, first zoom: the classes of the basemap tiles.
const roads: Record<string, readonly [number, number, number, number]> = {
  motorway: [3, 13, 9, 0],
  primary: [2.2, 11, 7, 0],
  secondary: [1.6, 9.5, 6, 10],
  minor: [0.7, 6.5, 4, 12],
  path: [0.25, 1.6, 1, 15],
};
const otherRoad = [0.4, 4, 2, 14] as const;

const zoomOf = (resolution: number): number => Math.log2(156_543.034 / resolution);

function roadStyles(feature: FeatureLike, kind: string, zoom: number, palette: Palette): Style[] {
  if (kind === "rail") {
    if (zoom < 12) return [];
    return [new Style({ stroke: new Stroke({ color: palette.rail, width: 1.2, lineDash: [5, 3] }), zIndex: 10 })];
  }
  const [thin, wide, order, first] = roads[kind] ?? otherRoad;
  if (zoom < first) return [];
  const width = Math.max(0.3, thin * (wide / thin) ** ((zoom - 12) / 5));
  const major = order >= 7;
  const color = major ? palette["road-major"] : palette.road;
  const styles = [new Style({ stroke: new Stroke({ color, width, lineCap: "round", lineJoin: "round" }), zIndex: 20 + order })];
  if (width > 2.5) {
    const casing = new Stroke({ color: palette["road-case"], width: width + 1.6, lineCap: "round", lineJoin: "round" });
    styles.push(new Style({ stroke: casing, zIndex: 10 + order }));
  }
  const name: unknown = feature.get("name");
  if (typeof name === "string" && name !== "" && zoom >= (major ? 14 : 15.5) && order >= 3) {
    styles.push(new Style({ text: lineLabel(name, palette), zIndex: 40 + order }));
  }
  return styles;
}

function lineLabel(text: string, palette: Palette): Text {
  return new Text({
    text,
    font: `500 11px ${palette.font}`,
    placement: "line",
    maxAngle: 0.6,
    repeat: 320,
    fill: new Fill({ color: palette.label }),
    stroke: new Stroke({ color: palette.halo, width: 3 }),
  });
}

function pointLabel(text: string, palette: Palette, offsetY: number): Text {
  return new Text({
    text: text.length > 18 ? `${text.slice(0, 17)}…` : text,
    font: `500 11px ${palette.font}`,
    offsetY,
    fill: new Fill({ color: palette.label }),
    stroke: new Stroke({ color: palette.halo, width: 3 }),
  });
}

export function basemapStyle(palette: Palette) {
  const water = new Style({ fill: new Fill({ color: palette.water }), zIndex: 2 });
  const waterLine = new Style({ stroke: new Stroke({ color: palette["water-line"], width: 1.4 }), zIndex: 3 });
  const green = new Style({ fill: new Fill({ color: palette.green }), zIndex: 1 });
  return (feature: FeatureLike, resolution: number): Style[] => {
    const layer = String(feature.get("layer") ?? feature.get("mvt_layer") ?? "");
    const lines = (feature.getGeometry()?.getType() ?? "").includes("Line");
    if (layer === "water") return [lines ? waterLine : water];
    if (layer === "green") return lines ? [] : [green];
    if (layer === "road") return roadStyles(feature, String(feature.get("class") ?? ""), zoomOf(resolution), palette);
    return [];
  };
}

export function regionStyle(palette: Palette) {
  const line = new Style({ stroke: new Stroke({ color: palette.region, width: 1.2, lineDash: [5, 5] }) });
  return (feature: FeatureLike, resolution: number): Style[] => {
    const name: unknown = feature.get("name");
    const zoom = zoomOf(resolution);
    if (typeof name !== "string" || feature.get("names_it") !== true || zoom < 11 || zoom > 16) return [line];
    const text = pointLabel(name, palette, 0);
    text.setFill(new Fill({ color: palette.region }));
    return [line, new Style({ text })];
  };
}

export function dotStyle(palette: Palette) {
  const dot = (color: string, radius: number, zIndex: number): Style =>
    new Style({
      image: new CircleStyle({ radius, fill: new Fill({ color }), stroke: new Stroke({ color: palette.halo, width: 1 }) }),
      zIndex,
    });
  const far = [dot(palette.dot, 2.3, 1), dot(palette["dot-deal"], 2.8, 2)] as const;
  const near = [dot(palette.dot, 3.5, 1), dot(palette["dot-deal"], 4, 2)] as const;
  return (feature: FeatureLike, resolution: number): Style[] => {
    const zoom = zoomOf(resolution);
    const [plain, deal] = zoom < 15.5 ? far : near;
    const shown = Number(feature.get("coupon_count") ?? 0) > 0 ? deal : plain;
    const name: unknown = feature.get("name");
    if (zoom < 16.5 || typeof name !== "string") return [shown];
    return [shown, new Style({ text: pointLabel(name, palette, 13) })];
  };
}

export function ringStyle(palette: Palette): Style {
  return new Style({
    stroke: new Stroke({ color: palette.ring, width: 1.6 }),
    fill: new Fill({ color: palette["ring-fill"] }),
  });
}

export function hereStyle(palette: Palette): Style[] {
  const disc = (radius: number, color: string): Style =>
    new Style({ image: new CircleStyle({ radius, fill: new Fill({ color }) }) });
  return [disc(9, palette.halo), disc(6.5, palette.pin), disc(2.2, palette.halo)];
}

/** A numbered disc where there is room, else a dot; deals have their own colour, the chosen one is larger. */
export function pinStyle(palette: Palette, label: string, deal: boolean, chosen: boolean, order: number): Style[] {
  const ink = deal ? palette["pin-deal-ink"] : palette["pin-ink"];
  const fill = new Fill({ color: deal ? palette["pin-deal"] : palette.pin });
  const edge = new Stroke({ color: palette.halo, width: chosen ? 3 : 1.8 });
  const dot = new Style({ image: new CircleStyle({ radius: 5.5, fill, stroke: edge, declutterMode: "none" }), zIndex: 1 });
  const pin = new Style({
    image: new CircleStyle({ radius: chosen ? 16 : 11.5, fill, stroke: edge, declutterMode: "declutter" }),
    text: new Text({
      text: label,
      font: `650 ${chosen ? 14 : 11}px ${palette.font}`,
      fill: new Fill({ color: ink }),
      offsetY: 0.5,
    }),
    zIndex: chosen ? 10_000 : 5_000 - order,
  });
  return [dot, pin];
}
