// The map that areas are drawn on: our own tiles below, the other areas, the version before, the drawing and its faults above.
import Feature from "ol/Feature";
import type { FeatureLike } from "ol/Feature";
import Circle from "ol/geom/Circle";
import Point from "ol/geom/Point";
import Polygon, { circular } from "ol/geom/Polygon";
import Draw from "ol/interaction/Draw";
import Modify from "ol/interaction/Modify";
import Snap from "ol/interaction/Snap";
import VectorLayer from "ol/layer/Vector";
import { toLonLat } from "ol/proj";
import { getDistance } from "ol/sphere";
import VectorSource from "ol/source/Vector";
import type Style from "ol/style/Style";
import { FINGER_PX, GroundMap } from "../groundmap";
import { onMap } from "../tilelayers";
import type { LonLat } from "../types";
import { areaStyle, cornerStyle, pinStyle, placeStyle, sketchingStyle, type Look } from "./areastyles";
import type { Corner, Drawing, Part, Ring } from "./areatypes";
import { partsOf, rounded, type RingAt, type Sketch } from "./sketch";
import { t } from "./words";

export type Tool = "move" | "area" | "hole" | "circle" | "none";

export interface Drawn {
  ring(ring: Ring, tool: "area" | "hole"): void;
  circle(center: LonLat, radius_m: number): void;
  /** Corners were moved, set or taken away by hand. */
  moved(parts: Part[]): void;
  chose(at: RingAt, index: number): void;
  /** The keyboard asks for the tool to be laid down. */
  left(): void;
  pin(index: number): void;
}

export interface Pin extends LonLat {
  label: string;
}

const SPEED_KMH = { walk: 5, bike: 15, drive: 30 } as const;
const WAY = 1.3;

const cornerAt = (coordinate: number[]): Corner => {
  const [lon = 0, lat = 0] = toLonLat(coordinate);
  return [rounded(lon), rounded(lat)];
};

const pointOf = ([lon, lat]: Corner): number[] => onMap({ lon, lat });

const closedOnMap = (ring: Ring): number[][] => {
  const points = ring.map(pointOf);
  return points[0] === undefined ? [] : [...points, points[0]];
};

export class AreaMap extends GroundMap {
  private readonly sketch: VectorSource<Feature<Polygon>>;
  private readonly corners: VectorSource<Feature<Point>>;
  private readonly pinned: VectorSource<Feature<Point>>;
  private readonly layers = new Map<string, VectorLayer>();
  private tool: Tool = "none";
  private draw: Draw | null = null;
  private modify: Modify | null = null;
  private snaps: Snap[] = [];

  constructor(place: LonLat, label: string, private readonly drawn: Drawn | null) {
    const layer = (source: VectorSource<Feature<Point>> | VectorSource<Feature<Polygon>>, zIndex: number, style: (feature: FeatureLike) => Style | Style[]): VectorLayer =>
      new VectorLayer({ source, zIndex, style });
    const [sketch, corners, pinned] = [new VectorSource<Feature<Polygon>>(), new VectorSource<Feature<Point>>(), new VectorSource<Feature<Point>>()];
    const here = new VectorSource({ features: [new Feature(new Point(onMap(place)))] });
    super({
      centre: place,
      zoom: 13,
      label,
      all: t("areas.map_all"),
      layers: [layer(sketch, 30, (feature) => areaStyle(feature, "new")), layer(corners, 31, cornerStyle), layer(pinned, 40, pinStyle), layer(here, 35, placeStyle)],
      doubleClickZoom: drawn === null,
    });
    [this.sketch, this.corners, this.pinned] = [sketch, corners, pinned];
    this.map.on("singleclick", (event) => this.tapped(event.pixel));
    this.target.addEventListener("keydown", (event) => this.pressed(event));
  }

  private tapped(pixel: number[]): void {
    const options = { hitTolerance: FINGER_PX, layerFilter: (layer: unknown) => layer instanceof VectorLayer };
    const hits = this.map.getFeaturesAtPixel(pixel, options);
    const pin: unknown = hits.find((hit) => hit.get("pin") !== undefined)?.get("pin");
    if (typeof pin === "number") this.drawn?.pin(pin);
    else if (this.tool === "move" || this.tool === "none") {
      const corner = hits.find((hit) => hit.get("at") !== undefined);
      if (corner !== undefined) this.drawn?.chose(corner.get("at") as RingAt, Number(corner.get("index")));
    }
  }

  /** Drawing by keys: Enter sets a corner at the cross, Backspace takes the last one away, F ends, Escape gives up. */
  private pressed(event: KeyboardEvent): void {
    const { draw } = this;
    if (draw === null || event.target !== this.target || event.ctrlKey || event.metaKey) return;
    const middle = this.map.getView().getCenter() ?? [0, 0];
    if (event.key === "Enter" && this.tool !== "circle") draw.appendCoordinates([middle]);
    else if (event.key === "Backspace") draw.removeLastPoint();
    else if (event.key.toLowerCase() === "f") draw.finishDrawing();
    else if (event.key === "Escape") {
      draw.abortDrawing();
      this.drawn?.left();
    } else return;
    event.preventDefault();
  }

  /** Which tool the pointer is. */
  use(tool: Tool): void {
    for (const each of [this.draw, this.modify, ...this.snaps]) if (each !== null) this.map.removeInteraction(each);
    [this.draw, this.modify, this.snaps] = [null, null, []];
    this.tool = tool;
    this.target.classList.toggle("drawing", tool === "area" || tool === "hole" || tool === "circle");
    if (tool === "none") return;
    if (tool === "move") this.map.addInteraction((this.modify = this.modifying()));
    else this.map.addInteraction((this.draw = this.drawing(tool)));
    // What snaps comes last: it hears of the pointer first.
    const sources = [this.sketch, ...[...this.layers.values()].map((layer) => layer.getSource())].filter((source) => source !== null);
    this.snaps = sources.map((source) => new Snap({ source: source as VectorSource, pixelTolerance: 10 }));
    for (const each of this.snaps) this.map.addInteraction(each);
  }

  private modifying(): Modify {
    const modify = new Modify({ source: this.sketch, style: cornerStyle, pixelTolerance: FINGER_PX });
    modify.on("modifyend", () => {
      const features = this.sketch.getFeatures().sort((one, other) => Number(one.get("part")) - Number(other.get("part")));
      const parts = features.map((feature) => partsOf({ type: "Polygon", coordinates: (feature.getGeometry()?.getCoordinates() ?? []).map((ring) => ring.map(cornerAt)) })[0] ?? []);
      this.drawn?.moved(parts);
    });
    return modify;
  }

  private drawing(tool: "area" | "hole" | "circle"): Draw {
    const draw = new Draw({ type: tool === "circle" ? "Circle" : "Polygon", style: sketchingStyle, stopClick: true });
    draw.on("drawend", ({ feature }) => {
      const shape = feature.getGeometry();
      if (shape instanceof Circle) {
        const [center, edge] = [cornerAt(shape.getCenter()), cornerAt(shape.getLastCoordinate())];
        this.drawn?.circle({ lon: center[0], lat: center[1] }, Math.round(getDistance(center, edge)));
      } else if (shape instanceof Polygon && tool !== "circle") {
        const ring = (shape.getCoordinates()[0] ?? []).map(cornerAt);
        this.drawn?.ring(partsOf({ type: "Polygon", coordinates: [ring] })[0]?.[0] ?? [], tool);
      }
    });
    return draw;
  }

  /** Draws what is in hand, its corners too, the chosen one larger. */
  showSketch(sketch: Sketch, chosen: (RingAt & { index: number }) | null): void {
    this.sketch.clear(true);
    this.corners.clear(true);
    if (sketch.how !== "drawn") {
      const radius_m = sketch.how === "circle" ? sketch.radius_m : ((sketch.minutes / 60) * SPEED_KMH[sketch.mode] * 1000) / WAY;
      const shape = circular([sketch.center.lon, sketch.center.lat], radius_m, 96).transform("EPSG:4326", "EPSG:3857") as Polygon;
      const feature = new Feature(shape);
      feature.set("estimate", sketch.how === "travel", true);
      this.sketch.addFeature(feature);
      this.changed();
      return;
    }
    const dots: Feature<Point>[] = [];
    sketch.parts.forEach((rings, part) => {
      const feature = new Feature(new Polygon(rings.map(closedOnMap)));
      feature.set("part", part, true);
      this.sketch.addFeature(feature);
      rings.forEach((corners, ring) =>
        corners.forEach((corner, index) => {
          const dot = new Feature(new Point(pointOf(corner)));
          const picked = chosen?.part === part && chosen.ring === ring && chosen.index === index;
          dot.setProperties({ at: { part, ring }, index, picked }, true);
          dots.push(dot);
        }),
      );
    });
    this.corners.addFeatures(dots);
    this.changed();
  }

  /** Without this the layers would be drawn anew at their next event only. */
  private changed(): void {
    for (const source of [this.sketch, this.corners, this.pinned]) source.changed();
    const { length } = this.sketch.getFeatures();
    this.target.dataset["parts"] = String(length);
  }

  /** Draws finished areas as a layer, or takes it away. */
  showAreas(name: string, look: Look, areas: { geometry: Drawing; label?: string }[]): void {
    const before = this.layers.get(name);
    if (before !== undefined) this.map.removeLayer(before);
    this.layers.delete(name);
    if (areas.length === 0) return;
    const features = areas.flatMap(({ geometry, label }) =>
      partsOf(geometry).map((part) => {
        const feature = new Feature(new Polygon(part.map(closedOnMap)));
        feature.set("label", label, true);
        return feature;
      }),
    );
    const layer = new VectorLayer({ source: new VectorSource({ features }), zIndex: look === "other" ? 10 : 20, style: (feature) => areaStyle(feature, look) });
    this.layers.set(name, layer);
    this.map.addLayer(layer);
  }

  /** Marks what is wrong where it is. */
  showPins(pins: Pin[]): void {
    this.pinned.clear(true);
    this.pinned.addFeatures(
      pins.map((pin, index) => {
        const feature = new Feature(new Point(onMap(pin)));
        feature.setProperties({ pin: index, label: pin.label }, true);
        return feature;
      }),
    );
    this.target.dataset["pins"] = String(pins.length);
    this.changed();
  }

  get middle(): Corner {
    return cornerAt(this.map.getView().getCenter() ?? [0, 0]);
  }

  /** Keeps a point in sight, without moving the map when it is. */
  reveal(point: LonLat): void {
    const at = this.map.getPixelFromCoordinate(onMap(point));
    const [width = 0, height = 0] = this.map.getSize() ?? [];
    if (at === null || (at[0] ?? 0) < 20 || (at[1] ?? 0) < 20 || (at[0] ?? 0) > width - 20 || (at[1] ?? 0) > height - 20) this.move({ center: onMap(point) });
  }

  /** The place itself need not be in sight. */
  protected override shown(): (VectorSource | null)[] {
    return [this.sketch, this.pinned, ...[...this.layers.values()].map((layer) => layer.getSource())];
  }

  override fit(): void {
    super.fit([30, 64, 40, 30], 17);
  }

  focus(): void {
    this.target.focus();
  }
}
