// How areas look on the map: in force, waiting, before, another's; corners, pins and the place. Colours stand in areas.css.
import type { FeatureLike } from "ol/Feature";
import CircleStyle from "ol/style/Circle";
import Fill from "ol/style/Fill";
import RegularShape from "ol/style/RegularShape";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import Text from "ol/style/Text";
import { readPalette } from "../mapstyle";

/** The drawing in hand and what waits are solid, the version before is dashed, others are thin. */
export type Look = "new" | "old" | "other";

const tone = (name: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--tone-${name}`).trim();

export function areaStyle(feature: FeatureLike, look: Look): Style {
  const colour = tone(look);
  const palette = readPalette();
  const label: unknown = feature.get("label");
  const dashed = look === "old" || feature.get("estimate") === true;
  return new Style({
    stroke: new Stroke({ color: colour, width: look === "other" ? 1.5 : 2.5, ...(dashed && { lineDash: [8, 6] }) }),
    fill: new Fill({ color: `${colour}${look === "new" ? "2b" : "12"}` }),
    ...(typeof label === "string" && {
      text: new Text({ text: label, overflow: true, font: `600 12px ${palette.font}`, fill: new Fill({ color: palette.label }), stroke: new Stroke({ color: palette.halo, width: 4 }) }),
    }),
  });
}

export function cornerStyle(feature: FeatureLike): Style {
  const picked = feature.get("picked") === true;
  return new Style({
    image: new CircleStyle({
      radius: picked ? 9 : 5,
      fill: new Fill({ color: picked ? tone("chosen") : readPalette().halo }),
      stroke: new Stroke({ color: picked ? readPalette().label : tone("new"), width: picked ? 3 : 2 }),
    }),
    zIndex: picked ? 2 : 1,
  });
}

export function sketchingStyle(feature: FeatureLike): Style {
  if (feature.getGeometry()?.getType() === "Point") return cornerStyle(feature);
  return new Style({ stroke: new Stroke({ color: tone("new"), width: 2.5, lineDash: [3, 5] }), fill: new Fill({ color: `${tone("new")}1c` }) });
}

export function pinStyle(feature: FeatureLike): Style[] {
  const palette = readPalette();
  const disc = new CircleStyle({ radius: 13, fill: new Fill({ color: tone("bad") }), stroke: new Stroke({ color: palette.halo, width: 3 }), displacement: [0, 20] });
  const stem = new RegularShape({ points: 3, radius: 8, rotation: Math.PI, fill: new Fill({ color: tone("bad") }), displacement: [0, -5] });
  return [
    new Style({ image: stem, zIndex: 3 }),
    new Style({
      image: disc,
      text: new Text({ text: String(feature.get("label")), font: `700 14px ${palette.font}`, offsetY: -19, fill: new Fill({ color: palette.halo }) }),
      zIndex: 4,
    }),
  ];
}

export function placeStyle(): Style[] {
  const palette = readPalette();
  const dot = (radius: number, color: string): Style => new Style({ image: new CircleStyle({ radius, fill: new Fill({ color }) }) });
  return [dot(9, palette.halo), dot(6.5, palette.pin), dot(2.2, palette.halo)];
}
