-- name:       order_sync_slowdown
-- definition: p95 from placed to posted of the orders placed while prices changed in bulk (100 or more), over that of all others; null where either are fewer than 20.
-- unit:       times
-- source:     effects price_set, order_placed, sales_order_posted
-- better:     lower
-- measure:    longest
WITH storm AS (
    SELECT min(at_ns) AS began_ns, max(at_ns) AS ended_ns FROM effects
    WHERE  kind = 'price_set' AND actor IS DISTINCT FROM 'before-run'
    HAVING count(*) >= 100
), synced AS (
    SELECT o.placed_ns BETWEEN s.began_ns AND s.ended_ns AS in_storm, min(p.at_ns) - o.placed_ns AS latency_ns
    FROM   accepted_orders AS o
    CROSS  JOIN storm AS s
    JOIN   effects AS p ON p.order_ref = o.order_ref AND p.kind = 'sales_order_posted'
    WHERE  NOT o.before_run
    GROUP  BY o.order_ref, o.placed_ns, s.began_ns, s.ended_ns
)
SELECT NULL::VARCHAR AS channel,
       quantile_cont(latency_ns, 0.95) FILTER (WHERE in_storm) / quantile_cont(latency_ns, 0.95) FILTER (WHERE NOT in_storm) AS value
FROM   synced
HAVING count(*) FILTER (WHERE in_storm) >= 20 AND count(*) FILTER (WHERE NOT in_storm) >= 20
