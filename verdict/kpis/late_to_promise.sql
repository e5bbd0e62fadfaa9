-- name:       late_to_promise
-- definition: Share of orders, cancelled ones aside, of which something left the warehouse after the promised date, or never did though the date is past.
-- unit:       ratio
-- source:     effects order_placed (data.ship_by), shipment_confirmed, lines_cancelled
-- better:     lower
-- measure:    share
WITH promised AS (
    SELECT order_ref, channel, epoch_ns(TRY_CAST(ship_by AS TIMESTAMPTZ)) AS by_ns FROM accepted_orders
    WHERE  NOT before_run AND NOT cancelled AND ship_by IS NOT NULL
), ordered AS (
    SELECT order_ref, sum(quantity) AS units FROM order_lines GROUP BY order_ref
), shipped AS (
    SELECT order_ref, sum(quantity) AS units, max(at_ns) AS last_ns FROM shipped_lines WHERE quantity > 0 GROUP BY order_ref
), withdrawn AS (
    SELECT order_ref, sum(quantity) AS units FROM cancelled_lines
    WHERE  system IN (SELECT channel FROM channels) GROUP BY order_ref
), stood AS (
    SELECT p.channel, s.last_ns > p.by_ns AS sent_late,
           o.units - coalesce(s.units, 0) - coalesce(w.units, 0) > 0
             AND (SELECT max(at_ns) FROM effects) > p.by_ns AS overdue,
           s.order_ref IS NOT NULL AS sent
    FROM   promised AS p
    JOIN   ordered AS o ON o.order_ref = p.order_ref
    LEFT   JOIN shipped AS s ON s.order_ref = p.order_ref
    LEFT   JOIN withdrawn AS w ON w.order_ref = p.order_ref
    WHERE  p.by_ns IS NOT NULL
)
SELECT channel, (coalesce(sent_late, false) OR overdue)::INTEGER AS part, 1 AS whole
FROM   stood
WHERE  sent OR overdue -- of the others the date is still to come
