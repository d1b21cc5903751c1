// Shapes of the JSON API as docs/api.md gives them; only what the page reads.

export interface LonLat {
  lon: number;
  lat: number;
}

export interface Money {
  amount_minor: number;
  currency: string;
}

interface Named {
  name: string;
  lang?: string | null;
  names?: Record<string, string> | null;
}

export interface City extends Named {
  city_id: number;
  centre: LonLat;
  bbox: [number, number, number, number];
  time_zone: string;
  currency: string;
  attribution: string[];
  place_count: number;
}

export interface Category extends Named {
  category_id: string;
  parent_id: string | null;
}

export interface Hours {
  state: "open" | "closed" | "unknown";
  next_change_at: string | null;
}

export interface DayHours {
  from: string;
  until: string;
}

export interface CouponBrief {
  coupon_id: string;
  title: string;
  badge: string;
  summary?: string | null;
}

interface Address {
  text?: string | null;
  district?: string | null;
}

export interface Place extends Named {
  place_id: string;
  city_id: number;
  category: { name: string } | null;
  location: LonLat;
  distance_m?: number;
  address: Address | null;
  hours: Hours;
  merchant: { merchant_id: string; name: string } | null;
  coupons: CouponBrief[];
  coupon_count: number;
}

interface RegionRef extends Named {
  demo?: boolean;
}

interface Source {
  name?: string | null;
  licence?: string | null;
  attribution?: string | null;
}

export interface PlaceDetail extends Omit<Place, "hours"> {
  phone: string | null;
  website: string | null;
  opening_hours: string | null;
  hours: Hours & { week?: (DayHours[] | null)[] | null };
  time_zone: string | null;
  regions: RegionRef[];
  source: Source | null;
}

export interface Coupon {
  coupon_id: string;
  state?: string;
  city_id: number;
  kind: string;
  title: string;
  lang?: string | null;
  summary: string | null;
  badge: string;
  price: Money | null;
  face_value: Money | null;
  percent_off_bp: number | null;
  min_spend: Money | null;
  cap: Money | null;
  claim_until: string | null;
  use_until: string | null;
  stock_left: number | null;
  group_deal: { target: number; seats: number | null; price: Money | null } | null;
  fulfilment: string;
  merchant: { merchant_id: string; name: string } | null;
  distance_m?: number;
  place?: Pick<Place, "place_id" | "name" | "location"> | null;
  place_count?: number;
}

export interface CouponPlace {
  place_id: string;
  name: string;
  location?: LonLat;
  address?: Address | null;
}

export interface CouponDetail extends Coupon {
  terms?: Record<string, unknown> | null;
  places?: CouponPlace[];
}

export interface Total {
  value: number;
  relation: "eq" | "gte";
}

export interface Listing<T> {
  items: T[];
  next_cursor: string | null;
  total: Total | null;
  applied?: { attribution?: string[] };
}
