// The map of a report, a difference or a review: our own tiles below, what is spoken of above.
import Feature from "ol/Feature";
import type { FeatureLike } from "ol/Feature";
import GeoJSON from "ol/format/GeoJSON";
import Point from "ol/geom/Point";
import { defaults as defaultInteractions } from "ol/interaction/defaults";
import VectorLayer from "ol/layer/Vector";
import type VectorTileLayer from "ol/layer/VectorTile";
import OlMap from "ol/Map";
import { createEmpty, extend, isEmpty, type Extent } from "ol/extent";
import { toLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import CircleStyle from "ol/style/Circle";
import Fill from "ol/style/Fill";
import Stroke from "ol/style/Stroke";
import Style from "ol/style/Style";
import Text from "ol/style/Text";
import View from "ol/View";
import { tileLimits } from "../api";
import { button, el } from "../dom";
import { basemapStyle, readPalette, regionStyle } from "../mapstyle";
import { settleWith } from "../ready";
import { onMap, tileLayer, type Layer } from "../tilelayers";
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

const still = matchMedia("(prefers-reduced-motion: reduce)");
const FINGER_PX = 12;
const format = new GeoJSON({ featureProjection: "EPSG:3857" });

const toneColour = (tone: string): string => getComputedStyle(document.documentElement).getPropertyValue(`--tone-${tone}`).trim();

export class FactMap {
  readonly node: HTMLElement;
  private readonly target: HTMLElement;
  private readonly map: OlMap;
  private readonly spots = new VectorLayer({ source: new VectorSource<Feature<Point>>(), zIndex: 20 });
  private readonly shapes = new Map<string, VectorLayer>();
  private readonly credits = el("p", { class: "map-credits" });
  private readonly tiles: Partial<Record<Layer, VectorTileLayer>> = {};
  private chosen: string | null = null;
  private onPaper = false;

  /** `label` names the map for those who can't see it; `picked` hears which spot was tapped. */
  constructor(centre: LonLat, zoom: number, label: string, picked: (key: string) => void) {
    this.target = el("div", { class: "map-canvas", tabindex: "0", role: "application", "aria-label": label });
    const zoomBy = (delta: number): void => {
      const view = this.map.getView();
      view.animate({ zoom: (view.getZoom() ?? zoom) + delta, duration: still.matches ? 0 : 200 });
    };
    this.node = el(
      "div",
      { class: "fact-map" },
      this.target,
      el(
        "div",
        { class: "map-buttons" },
        button({ class: "map-button", "aria-label": t("map.zoom_in") }, () => zoomBy(1), "+"),
        button({ class: "map-button", "aria-label": t("map.zoom_out") }, () => zoomBy(-1), "−"),
        button({ class: "map-button", "aria-label": t("operator.map_all") }, () => this.fit(), "⤢"),
      ),
      this.credits,
    );
    this.map = new OlMap({
      target: this.target,
      keyboardEventTarget: this.target,
      controls: [],
      interactions: defaultInteractions({ altShiftDragRotate: false, pinchRotate: false }),
      layers: [this.spots],
      view: new View({ center: onMap(centre), zoom, minZoom: 2, maxZoom: 20, enableRotation: false }),
    });
    this.spots.setStyle((feature) => this.spotStyle(feature));
    this.paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    this.map.on("singleclick", (event) => {
      const hit = this.map.forEachFeatureAtPixel(event.pixel, (feature) => feature, { layerFilter: (layer) => layer === this.spots, hitTolerance: FINGER_PX });
      const key: unknown = hit?.get("key");
      if (typeof key === "string") picked(key);
    });
    this.map.on("moveend", () => {
      const [lon = 0, lat = 0] = toLonLat(this.map.getView().getCenter() ?? [0, 0]);
      this.target.dataset["middle"] = `${lon.toFixed(4)},${lat.toFixed(4)}`;
    });
    new ResizeObserver(() => this.map.updateSize()).observe(this.target);
    settleWith((then) => {
      if (!this.target.isConnected || this.target.clientHeight === 0) {
        then();
        return;
      }
      this.map.once("rendercomplete", then);
      this.map.render();
    });
    void this.base();
  }

  /** The tiles of what readers see now; a territory without any has a plain ground. */
  private async base(): Promise<void> {
    const layers: Layer[] = ["basemap", "regions"];
    const limits = await Promise.all(layers.map((layer) => tileLimits(layer)));
    layers.forEach((layer, at) => {
      const found = limits[at];
      if (found === undefined) return;
      const made = tileLayer(layer, found, at + 1);
      this.tiles[layer] = made;
      this.map.addLayer(made);
    });
    this.credits.textContent = [...new Set(limits.flatMap(({ attribution }) => attribution))].join(" · ");
    this.paint();
  }

  private paint(): void {
    const palette = readPalette();
    this.target.style.backgroundColor = palette.land;
    this.tiles.basemap?.setStyle(basemapStyle(palette));
    this.tiles.regions?.setStyle(regionStyle(palette));
    for (const layer of this.shapes.values()) layer.changed();
    this.spots.changed();
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
    const view = this.map.getView();
    view.animate({ center: at, zoom: Math.max(view.getZoom() ?? 0, 15), duration: still.matches ? 0 : 300 });
  }

  /** Goes to a point that no spot stands at. */
  goTo(point: LonLat): void {
    const view = this.map.getView();
    view.animate({ center: onMap(point), zoom: Math.max(view.getZoom() ?? 0, 14), duration: still.matches ? 0 : 300 });
  }

  /** Shows everything that is drawn. */
  fit(): void {
    const whole: Extent = createEmpty();
    for (const source of [this.spots.getSource(), ...[...this.shapes.values()].map((layer) => layer.getSource())]) {
      const extent = source?.getExtent();
      if (extent !== undefined && extent !== null && !isEmpty(extent)) extend(whole, extent);
    }
    if (isEmpty(whole)) return;
    this.map.updateSize();
    this.map.getView().fit(whole, { padding: [36, 36, 36, 36], maxZoom: 16 });
  }

  /** Draws everything at the size of the paper, with what stands beside the spots there; and as it was again. */
  paper(on: boolean): void {
    this.onPaper = on;
    this.node.classList.toggle("on-paper", on);
    this.fit();
    this.spots.changed();
    this.map.renderSync();
  }

  /** Lets go of what the map holds, once it is shown no more. */
  dispose(): void {
    this.map.setTarget(undefined);
    this.map.dispose();
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
