// The map that desks draw on: our own tiles of what readers see now, buttons, the keyboard; what is drawn stands in layers above.
import { defaults as defaultInteractions } from "ol/interaction/defaults";
import VectorLayer from "ol/layer/Vector";
import type VectorTileLayer from "ol/layer/VectorTile";
import OlMap from "ol/Map";
import { createEmpty, extend, isEmpty } from "ol/extent";
import type VectorSource from "ol/source/Vector";
import View from "ol/View";
import { tileLimits } from "./api";
import { button, el } from "./dom";
import { t } from "./i18n";
import { basemapStyle, readPalette, regionStyle } from "./mapstyle";
import { settleWith } from "./ready";
import { onMap, tileLayer, type Layer } from "./tilelayers";
import type { LonLat } from "./types";

export const FINGER_PX = 12;

const still = matchMedia("(prefers-reduced-motion: reduce)");

export interface Ground {
  centre: LonLat;
  zoom: number;
  /** Names the map for those who can't see it. */
  label: string;
  /** What the button that shows everything is called. */
  all: string;
  layers: VectorLayer[];
  doubleClickZoom?: boolean;
}

export class GroundMap {
  readonly node: HTMLElement;
  protected readonly target: HTMLElement;
  protected readonly map: OlMap;
  private readonly credits = el("p", { class: "map-credits" });
  private readonly tiles: Partial<Record<Layer, VectorTileLayer>> = {};

  constructor({ centre, zoom, label, all, layers, doubleClickZoom = true }: Ground) {
    this.target = el("div", { class: "map-canvas", tabindex: "0", role: "application", "aria-label": label });
    const zoomBy = (delta: number): void => this.move({ zoom: (this.map.getView().getZoom() ?? zoom) + delta });
    this.node = el(
      "div",
      { class: "fact-map" },
      this.target,
      el(
        "div",
        { class: "map-buttons" },
        button({ class: "map-button", "aria-label": t("map.zoom_in") }, () => zoomBy(1), "+"),
        button({ class: "map-button", "aria-label": t("map.zoom_out") }, () => zoomBy(-1), "−"),
        button({ class: "map-button", "aria-label": all }, () => this.fit(), "⤢"),
      ),
      this.credits,
    );
    this.map = new OlMap({
      target: this.target,
      keyboardEventTarget: this.target,
      controls: [],
      interactions: defaultInteractions({ altShiftDragRotate: false, pinchRotate: false, doubleClickZoom }),
      layers,
      view: new View({ center: onMap(centre), zoom, minZoom: 2, maxZoom: 20, enableRotation: false }),
    });
    this.paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
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

  /** A territory without tiles has a plain ground. */
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
    for (const layer of this.drawnLayers()) layer.changed();
  }

  protected drawnLayers(): VectorLayer[] {
    return this.map.getAllLayers().filter((layer): layer is VectorLayer => layer instanceof VectorLayer);
  }

  protected move(to: { center?: number[]; zoom?: number }): void {
    this.map.getView().animate({ ...to, duration: still.matches ? 0 : 250 });
  }

  /** Goes to a point, no farther away than a zoom. */
  goTo(point: LonLat, zoom = 14): void {
    this.move({ center: onMap(point), zoom: Math.max(this.map.getView().getZoom() ?? 0, zoom) });
  }

  /** What everything is shown of; all that is drawn. */
  protected shown(): (VectorSource | null)[] {
    return this.drawnLayers().map((layer) => layer.getSource());
  }

  /** Shows everything that is drawn. */
  fit(padding = [36, 64, 40, 36], maxZoom = 16): void {
    const whole = createEmpty();
    for (const source of this.shown()) {
      const extent = source?.getExtent();
      if (extent !== undefined && extent !== null && !isEmpty(extent)) extend(whole, extent);
    }
    if (isEmpty(whole)) return;
    this.map.updateSize();
    this.map.getView().fit(whole, { padding, maxZoom });
  }

  /** Lets go of what the map holds, once it is shown no more. */
  dispose(): void {
    this.map.setTarget(undefined);
    this.map.dispose();
  }
}
