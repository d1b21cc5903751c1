-- The peers' tables, in a schema of their own, filled from ours: synthetic places that are not closed.
-- Each index serves the peer that is named beside it.
CREATE SCHEMA peers;

CREATE TABLE peers.hours (
    id serial PRIMARY KEY,
    city_id int NOT NULL,
    hours_no int NOT NULL,
    time_zone text NOT NULL,
    opening_hours text NOT NULL
);
INSERT INTO peers.hours (city_id, hours_no, time_zone, opening_hours)
SELECT h.city_id, h.hours_no, h.time_zone, h.opening_hours
FROM hours_patterns h
JOIN active_dataset a ON a.city_id = h.city_id AND a.kind = 'places' AND a.version = h.version
WHERE h.city_id > 100
ORDER BY h.city_id, h.hours_no;

-- Minutes of a week from Monday 00:00 in the place's own time, half-open; the command fills them.
CREATE TABLE peers.open_span (
    id serial PRIMARY KEY,
    hours_id int NOT NULL REFERENCES peers.hours,
    starts int NOT NULL,
    ends int NOT NULL
);

CREATE TABLE peers.place (
    id uuid PRIMARY KEY,
    name text NOT NULL,
    category text NOT NULL,
    hours_id int REFERENCES peers.hours,
    location geography(Point, 4326) NOT NULL
);
INSERT INTO peers.place
SELECT f.place_id, f.name, f.category_id, h.id, f.location
FROM place_facts f
JOIN active_dataset a ON a.city_id = f.city_id AND a.kind = 'places' AND a.version = f.version
LEFT JOIN peers.hours h ON h.city_id = f.city_id AND h.hours_no = f.hours_no
WHERE f.city_id > 100 AND NOT f.closed;
CREATE INDEX ON peers.place USING gist (location); -- geodjango, tipg's function
CREATE INDEX ON peers.place (category); -- all
CREATE INDEX ON peers.place (hours_id); -- geodjango

CREATE TABLE peers.coupon (
    id uuid PRIMARY KEY,
    kind text NOT NULL,
    title text NOT NULL,
    claim_from timestamptz NOT NULL,
    claim_until timestamptz NOT NULL
);
INSERT INTO peers.coupon
SELECT c.coupon_id, v.kind, coalesce(v.titles->>'en', ''), v.claim_from, v.claim_until
FROM coupons c
JOIN coupon_versions v ON v.city_id = c.city_id AND v.coupon_id = c.coupon_id AND v.version = c.current_version
WHERE c.state = 'published' AND EXISTS (
    SELECT FROM coupon_stock s WHERE s.city_id = c.city_id AND s.coupon_id = c.coupon_id AND s.taken < s.quota
);

CREATE TABLE peers.place_coupon (
    id bigserial PRIMARY KEY,
    place_id uuid NOT NULL REFERENCES peers.place,
    coupon_id uuid NOT NULL REFERENCES peers.coupon,
    UNIQUE (place_id, coupon_id)
);
INSERT INTO peers.place_coupon (place_id, coupon_id)
SELECT cp.place_id, cp.coupon_id
FROM coupon_places cp
JOIN peers.coupon c ON c.id = cp.coupon_id
JOIN peers.place p ON p.id = cp.place_id;
CREATE INDEX ON peers.place_coupon (coupon_id);

-- What the servers of features publish: one flat table, its coupons written out, whether there are any as a number.
CREATE TABLE peers.feature (
    id text PRIMARY KEY,
    name text NOT NULL,
    category text NOT NULL,
    opening_hours text,
    has_coupon int NOT NULL,
    coupons jsonb NOT NULL,
    geom geometry(Point, 4326) NOT NULL
);
INSERT INTO peers.feature
SELECT p.id::text, p.name, p.category, h.opening_hours, (live.coupons IS NOT NULL)::int,
    coalesce(live.coupons, '[]'), p.location::geometry
FROM peers.place p
LEFT JOIN peers.hours h ON h.id = p.hours_id
LEFT JOIN LATERAL (
    SELECT jsonb_agg(jsonb_build_object('id', c.id, 'kind', c.kind, 'title', c.title)) AS coupons
    FROM peers.place_coupon pc
    JOIN peers.coupon c ON c.id = pc.coupon_id
    WHERE pc.place_id = p.id AND c.claim_from <= transaction_timestamp()
        AND c.claim_until > transaction_timestamp()
) live ON true;
CREATE INDEX ON peers.feature USING gist (geom); -- tipg, pygeoapi
CREATE INDEX ON peers.feature (category);
CREATE INDEX ON peers.feature (has_coupon) WHERE has_coupon = 1;

-- tipg's function: nearest first through the index, on the sphere; only those found are put in exact order.
CREATE FUNCTION peers.nearby(
    lon float8, lat float8, radius_m float8, for_category text, with_coupon boolean, open_now boolean
) RETURNS TABLE (
    id text, name text, category text, coupons jsonb, distance_mm bigint, geom geometry
) LANGUAGE sql STABLE AS $$
    WITH nearest AS (
        SELECT p.id, round(st_distance(
            p.location, st_makepoint(nearby.lon, nearby.lat)::geography, false) * 1000)::bigint AS mm
        FROM peers.place p
        WHERE st_dwithin(p.location, st_makepoint(nearby.lon, nearby.lat)::geography, nearby.radius_m, false)
            AND (nearby.for_category = 'any' OR p.category = nearby.for_category)
            AND (NOT nearby.with_coupon OR EXISTS (
                SELECT FROM peers.place_coupon pc
                JOIN peers.coupon c ON c.id = pc.coupon_id
                WHERE pc.place_id = p.id AND c.claim_from <= statement_timestamp()
                    AND c.claim_until > statement_timestamp()
            ))
            AND (NOT nearby.open_now OR p.hours_id = ANY (ARRAY(
                SELECT h.id
                FROM peers.hours h
                JOIN peers.open_span o ON o.hours_id = h.id
                CROSS JOIN LATERAL (SELECT statement_timestamp() AT TIME ZONE h.time_zone AS at) here
                CROSS JOIN LATERAL (
                    SELECT (extract(isodow FROM here.at)::int - 1) * 1440 + extract(hour FROM here.at)::int * 60
                        + extract(minute FROM here.at)::int AS minute
                ) clock
                WHERE o.starts <= clock.minute AND clock.minute < o.ends
            )))
        ORDER BY p.location <-> st_makepoint(nearby.lon, nearby.lat)::geography
        LIMIT 20
    )
    SELECT f.id, f.name, f.category, f.coupons, n.mm, f.geom
    FROM nearest n
    JOIN peers.feature f ON f.id = n.id::text
$$;
