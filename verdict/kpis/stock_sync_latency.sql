-- name:       stock_sync_latency
-- definition: From a stock movement in the warehouse to the OMS knowing it, or something newer.
-- unit:       s
-- source:     effects stock_moved, stock_set
-- better:     lower
-- measure:    percentiles 50:1 95:20 99:100
WITH told AS ( -- when each version or a newer one was first known
    SELECT sku, location, version,
           min(at_ns) OVER (PARTITION BY sku, location ORDER BY version DESC ROWS UNBOUNDED PRECEDING) AS at_ns
    FROM   effects WHERE kind = 'stock_set' AND version IS NOT NULL AND actor IS DISTINCT FROM 'before-run'
)
SELECT NULL::VARCHAR AS channel, greatest(t.at_ns - m.at_ns, 0) / 1e9 AS value
FROM  (SELECT sku, location, version, at_ns FROM effects
       WHERE kind = 'stock_moved' AND version IS NOT NULL AND actor IS DISTINCT FROM 'before-run') AS m
ASOF   JOIN told AS t ON t.sku = m.sku AND t.location = m.location AND t.version >= m.version
