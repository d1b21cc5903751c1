// The map of a report, a difference or a review: our own tiles below, what is spoken of above.
import Feature from "ol/Feature";
import type { FeatureLike } from "ol/Feature";
import GeoJSON from "ol/format/GeoJSON";
import Point from "ol/geom/Point";
import VectorLayer from "ol/layer/Vector";
import { toLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import CircleStyle from "ol/style/Circle";
import Fill from "ol/style/Fill";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import Text from "ol/style/Text";
import { FINGER_PX, GroundMap } from "../groundmap";
import { readPalette } from "../mapstyle";
import { onMap } from "../tilelayers";
import type { LonLat } from "../types";
import { t } from "./words";

/** What a thing is drawn as; the colours stand in operator.css. */
export type Tone = "bad" | "warn" | "info" | "added" | "removed" | "moved" | "old" | "new" | "one" | "two";

export interface Spot extends LonLat {
  key: string;
  tone: Tone;
  /** Stands beside the spot. */
  label?: string;
  /** Stands beside it on paper, where nothing can be pressed. */
  printed?: string;
}

const format = new GeoJSON({ featureProjection: "EPSG:3857" });

const toneColour = (tone: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--tone-${tone}`).trim();

export class FactMap extends GroundMap {
  private readonly spots: VectorLayer<VectorSource<Feature<Point>>>;
  private readonly shapes = new Map<string, VectorLayer>();
  private chosen: string | null = null;
  private onPaper = false;

  /** `label` names the map for those who can't see it; `picked` hears which spot was tapped. */
  constructor(centre: LonLat, zoom: number, label: string, picked: (key: string) => void) {
    const spots = new VectorLayer({ source: new VectorSource<Feature<Point>>(), zIndex: 20 });
    super({ centre, zoom, label, all: t("operator.map_all"), layers: [spots] });
    this.spots = spots;
    spots.setStyle((feature) => this.spotStyle(feature));
    this.map.on("singleclick", (event) => {
      const hit = this.map.forEachFeatureAtPixel(event.pixel, (feature) => feature, { layerFilter: (layer) => layer === spots, hitTolerance: FINGER_PX });
      const key: unknown = hit?.get("key");
      if (typeof key === "string") picked(key);
    });
    this.map.on("moveend", () => {
      const [lon = 0, lat = 0] = toLonLat(this.map.getView().getCenter() ?? [0, 0]);
      this.target.dataset["middle"] = `${lon.toFixed(4)},${lat.toFixed(4)}`;
    });
  }

  private spotStyle(feature: FeatureLike): Style {
    const chosen = feature.get("key") === this.chosen;
    const palette = readPalette();
    const label: unknown = feature.get(this.onPaper ? "printed" : "label");
    return new Style({
      image: new CircleStyle({
        radius: chosen ? 11 : 6.5,
        fill: new Fill({ color: toneColour(String(feature.get("tone"))) }),
        stroke: new Stroke({ color: chosen ? palette.label : palette.halo, width: chosen ? 3 : 2 }),
      }),
      ...(typeof label === "string" && { text: new Text({ text: label, font: `650 12px ${palette.font}`, offsetY: feature.get("tone") === "two" ? 19 : -18, fill: new Fill({ color: palette.label }), stroke: new Stroke({ color: palette.halo, width: 4 }) }) }),
      zIndex: chosen ? 2 : 1,
    });
  }

  /** Draws the spots in place of the former ones. */
  show(spots: Spot[]): void {
    const features = spots.map((spot) => {
      const feature = new Feature(new Point(onMap(spot)));
      feature.setProperties({ key: spot.key, tone: spot.tone, label: spot.label, printed: spot.printed ?? spot.label }, true);
      return feature;
    });
    const source = this.spots.getSource();
    source?.clear(true);
    source?.addFeatures(features);
  }

  /** Draws a layer of GeoJSON, or takes it away. */
  shape(name: string, content: object | null, tone: (properties: Record<string, unknown>) => Tone): void {
    const before = this.shapes.get(name);
    if (before !== undefined) this.map.removeLayer(before);
    this.shapes.delete(name);
    if (content === null) return;
    const source = new VectorSource({ features: format.readFeatures(content) });
    const layer = new VectorLayer({ source, zIndex: 10, style: (feature) => shapeStyle(feature, tone(feature.getProperties())) });
    this.shapes.set(name, layer);
    this.map.addLayer(layer);
  }

  /** Makes one spot stand out and goes to it. */
  choose(key: string | null, go = true): void {
    this.chosen = key;
    this.spots.changed();
    const found = this.spots.getSource()?.getFeatures().find((feature) => feature.get("key") === key);
    const at = found?.getGeometry()?.getCoordinates();
    if (at === undefined || !go) return;
    this.node.scrollIntoView({ block: "nearest" });
    this.move({ center: at, zoom: Math.max(this.map.getView().getZoom() ?? 0, 15) });
  }

  /** Draws everything at the size of the paper, with what stands beside the spots there; and as it was again. */
  paper(on: boolean): void {
    this.onPaper = on;
    this.node.classList.toggle("on-paper", on);
    this.fit();
    this.spots.changed();
    this.map.renderSync();
  }
}

function shapeStyle(feature: FeatureLike, tone: Tone): Style {
  const colour = toneColour(tone);
  const kind = feature.getGeometry()?.getType() ?? "";
  if (kind.endsWith("Point")) {
    return new Style({ image: new CircleStyle({ radius: 4.5, fill: new Fill({ color: colour }), stroke: new Stroke({ color: readPalette().halo, width: 1.5 }) }) });
  }
  const dashed = tone === "old" || tone === "removed";
  const stroke = new Stroke({ color: colour, width: kind.endsWith("LineString") ? 2.5 : 2, ...(dashed && { lineDash: [7, 5] }) });
  return kind.endsWith("Polygon") ? new Style({ stroke, fill: new Fill({ color: `${colour}22` }) }) : new Style({ stroke });
}
