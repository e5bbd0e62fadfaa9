-- name:       availability_publish_latency
-- definition: From the OMS computing what may be sold to a channel listing it, or something newer.
-- unit:       s
-- source:     effects availability_computed, availability_listed
-- better:     lower
-- measure:    percentiles 50:1 95:20 99:100
WITH listed AS ( -- when each version or a newer one was first listed
    SELECT system AS channel, sku, version,
           min(at_ns) OVER (PARTITION BY system, sku ORDER BY version DESC ROWS UNBOUNDED PRECEDING) AS at_ns
    FROM   effects WHERE kind = 'availability_listed' AND version IS NOT NULL
), computed AS (
    SELECT h.channel, c.sku, c.version, c.at_ns
    FROM   effects AS c CROSS JOIN channels AS h -- a handful of channels
    WHERE  c.kind = 'availability_computed' AND c.version IS NOT NULL AND c.actor IS DISTINCT FROM 'before-run'
)
SELECT c.channel, greatest(l.at_ns - c.at_ns, 0) / 1e9 AS value
FROM   computed AS c
ASOF   JOIN listed AS l ON l.channel = c.channel AND l.sku = c.sku AND l.version >= c.version
