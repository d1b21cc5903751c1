// The map: own vector tiles below, the radius, the point and the numbered results above.
import OlMap from "ol/Map";
import View from "ol/View";
import Feature from "ol/Feature";
import Point from "ol/geom/Point";
import Polygon, { circular } from "ol/geom/Polygon";
import { defaults as defaultInteractions } from "ol/interaction/defaults";
import VectorLayer from "ol/layer/Vector";
import type VectorTileLayer from "ol/layer/VectorTile";
import { toLonLat } from "ol/proj";
import VectorSource from "ol/source/Vector";
import type { TileLimits } from "./api";
import { basemapStyle, dotStyle, hereStyle, pinStyle, readPalette, regionStyle, ringStyle } from "./mapstyle";
import { onMap, tileLayer, type Layer } from "./tilelayers";
import type { LonLat } from "./types";

// A finger covers more than the dot it means.
const TOUCH_PX = 14;
const EARTH_RADIUS_M = 6_371_008.77;

export interface Pin {
  /** The thing that a tap on the pin opens. */
  id: string;
  label: string;
  location: LonLat;
  deal: boolean;
}

interface MapEvents {
  /** The reader tapped an empty spot, or pressed Enter on the map. */
  picked(point: LonLat): void;
  /** The reader tapped a numbered result. */
  pinOpened(id: string): void;
  /** The reader tapped a place of the tiles. */
  placeOpened(placeId: string): void;
  /** The map was moved by hand; `away` when its centre left the searched point clearly behind. */
  moved(away: boolean): void;
}

export interface SearchMap {
  /** Draws the point and its radius; a filter alone leaves the map where the reader put it. */
  show(point: LonLat, radius_m: number, fit: boolean): void;
  pins(pins: Pin[]): void;
  choose(id: string | null): void;
  centre(): LonLat;
  zoomBy(delta: number): void;
  drawn(then: () => void): void;
}

/** The circle of a radius on the sphere, as the map can draw it. */
function ringAround(point: LonLat, radius_m: number): Polygon {
  const [ring = []] = circular([point.lon, point.lat], radius_m, 96, EARTH_RADIUS_M).getCoordinates();
  return new Polygon([ring.map(([lon = 0, lat = 0]) => onMap({ lon, lat }))]);
}

const still = matchMedia("(prefers-reduced-motion: reduce)");
const duration = (ms: number): number => (still.matches ? 0 : ms);

class OlSearchMap implements SearchMap {
  private readonly map: OlMap;
  private readonly tiles: Record<Layer, VectorTileLayer>;
  private readonly ring = new Feature();
  private readonly here = new Feature();
  private readonly under = new VectorLayer({ source: new VectorSource({ features: [this.ring, this.here] }), zIndex: 5 });
  private readonly results = new VectorLayer({
    source: new VectorSource<Feature<Point>>(),
    zIndex: 6,
    declutter: "pins",
  });
  private point: LonLat | null = null;
  private chosen: string | null = null;

  constructor(private readonly target: HTMLElement, limits: Record<Layer, TileLimits>, private readonly events: MapEvents) {
    this.tiles = {
      basemap: tileLayer("basemap", limits.basemap, 1),
      places: tileLayer("places", limits.places, 2),
      regions: tileLayer("regions", limits.regions, 3),
    };
    this.map = new OlMap({
      target,
      keyboardEventTarget: target,
      controls: [],
      interactions: defaultInteractions({ altShiftDragRotate: false, pinchRotate: false }),
      layers: [...Object.values(this.tiles), this.under, this.results],
      // Without a centre nothing is drawn and no tile is asked for until the first point is known.
      view: new View({ minZoom: 2, maxZoom: 19, enableRotation: false }),
    });
    this.paint();
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => this.paint());
    this.listen(target);
  }

  private paint(): void {
    const palette = readPalette();
    this.target.style.backgroundColor = palette.land;
    this.tiles.basemap.setStyle(basemapStyle(palette));
    this.tiles.regions.setStyle(regionStyle(palette));
    this.tiles.places.setStyle(dotStyle(palette));
    this.ring.setStyle(ringStyle(palette));
    this.here.setStyle(hereStyle(palette));
    this.results.setStyle((feature, _resolution) =>
      pinStyle(
        palette,
        String(feature.get("label")),
        feature.get("deal") === true,
        feature.get("key") === this.chosen,
        Number(feature.get("order")),
      ),
    );
  }

  private listen(target: HTMLElement): void {
    this.map.on("singleclick", (event) => this.tapped(event.pixel, event.coordinate));
    this.map.on("pointermove", (event) => {
      if (event.dragging) return;
      const over = this.map.hasFeatureAtPixel(event.pixel, { layerFilter: (layer) => this.opens(layer), hitTolerance: TOUCH_PX });
      target.style.cursor = over ? "pointer" : "";
    });
    this.map.on("moveend", () => this.events.moved(this.isAway()));
    target.addEventListener("keydown", (event) => {
      if (event.key !== "Enter" || event.target !== target) return;
      event.preventDefault();
      this.events.picked(this.centre());
    });
  }

  private opens(layer: unknown): boolean {
    return layer === this.results || layer === this.tiles.places;
  }

  private tapped(pixel: number[], coordinate: number[]): void {
    const options = { layerFilter: (layer: unknown) => this.opens(layer), hitTolerance: TOUCH_PX };
    const hit = this.map.forEachFeatureAtPixel(pixel, (feature) => feature, options);
    const key: unknown = hit?.get("key");
    const placeId: unknown = hit?.get("place_id");
    if (typeof key === "string") this.events.pinOpened(key);
    else if (typeof placeId === "string") this.events.placeOpened(placeId);
    else {
      const [lon = 0, lat = 0] = toLonLat(coordinate);
      this.events.picked({ lon, lat });
    }
  }

  private isAway(): boolean {
    if (this.point === null) return false;
    const here = this.map.getPixelFromCoordinate(onMap(this.point));
    const [width = 0, height = 0] = this.map.getSize() ?? [];
    if (here === null) return false;
    return Math.hypot((here[0] ?? 0) - width / 2, (here[1] ?? 0) - height / 2) > Math.min(width, height) * 0.25;
  }

  show(point: LonLat, radius_m: number, fit: boolean): void {
    const same = this.point?.lon === point.lon && this.point.lat === point.lat;
    this.point = point;
    const centre = onMap(point);
    const circle = ringAround(point, radius_m);
    this.ring.setGeometry(circle);
    this.here.setGeometry(new Point(centre));
    const view = this.map.getView();
    if (fit) {
      const wait = view.isDef() ? duration(350) : 0;
      view.fit(circle.getExtent(), { padding: [64, 16, 36, 16], duration: wait });
    } else if (!same) {
      view.animate({ center: centre, duration: duration(250) });
    }
  }

  pins(pins: Pin[]): void {
    const features = pins.map(({ id, label, location, deal }, order) => {
      const feature = new Feature(new Point(onMap(location)));
      feature.setProperties({ key: id, label, deal, order }, true);
      return feature;
    });
    const source = this.results.getSource();
    source?.clear(true);
    source?.addFeatures(features);
  }

  choose(id: string | null): void {
    if (this.chosen === id) return;
    this.chosen = id;
    this.results.changed();
  }

  centre(): LonLat {
    const [lon = 0, lat = 0] = toLonLat(this.map.getView().getCenter() ?? [0, 0]);
    return { lon, lat };
  }

  zoomBy(delta: number): void {
    const view = this.map.getView();
    if (view.isDef()) view.animate({ zoom: (view.getZoom() ?? 2) + delta, duration: duration(200) });
  }

  drawn(then: () => void): void {
    if (!this.map.getView().isDef()) {
      then();
      return;
    }
    this.map.once("rendercomplete", then);
    this.map.render();
  }
}

export const createMap = (target: HTMLElement, limits: Record<Layer, TileLimits>, events: MapEvents): SearchMap =>
  new OlSearchMap(target, limits, events);
