// Our own vector tiles as layers of a map, and positions as a map has them.
import MVT from "ol/format/MVT";
import VectorTileLayer from "ol/layer/VectorTile";
import { fromLonLat } from "ol/proj";
import VectorTileSource from "ol/source/VectorTile";
import type { TileLimits } from "./api";
import type { LonLat } from "./types";

export type Layer = "basemap" | "regions" | "places";

// Web Mercator has no poles; what lies beyond is drawn at its edge.
const EDGE_LAT = 85.05;

export const onMap = ({ lon, lat }: LonLat): number[] => fromLonLat([lon, Math.max(-EDGE_LAT, Math.min(EDGE_LAT, lat))]);

export function tileLayer(layer: Layer, limits: TileLimits, zIndex: number): VectorTileLayer {
  const source = new VectorTileSource({
    format: new MVT({ layerName: "mvt_layer" }),
    url: `/v1/tiles/${layer}/{z}/{x}/{y}.mvt`,
    minZoom: limits.minzoom,
    maxZoom: limits.maxzoom,
  });
  return new VectorTileLayer({
    source,
    zIndex,
    // A group of labels a layer: names of regions don't give way to the dots of places.
    declutter: layer,
    // Further out the layer is off; else the whole view would be asked for in tiles of its lowest zoom.
    ...(limits.minzoom > 0 ? { minZoom: limits.minzoom - 0.01 } : {}),
  });
}
