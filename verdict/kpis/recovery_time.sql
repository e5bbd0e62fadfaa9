-- name:       recovery_time
-- definition: After the worst outage, from its healing (after a restart: from when the middleware was ready again) until no more orders wait for posting than when it began; null if that never came.
-- unit:       s
-- source:     fault log (outages, closed ports, what struck the system under test; when it was ready again); effects order_placed, sales_order_posted, sales_order_rejected, order_cancelled
-- better:     lower
-- measure:    longest
-- by:         injection
WITH struck AS (
    SELECT injection, any_value(fault) AS fault, min(at_ns) FILTER (WHERE mark = 'armed') AS began_ns,
           max(at_ns) FILTER (WHERE mark = 'fired') AS fired_ns, max(at_ns) FILTER (WHERE mark = 'healed') AS healed_ns
    FROM   faults
    WHERE  fault LIKE '%outage%' OR fault IN ('refused', 'sut-kill', 'sut-pause', 'sut-restart')
    GROUP  BY injection
), back AS (
    SELECT at_ns FROM workload WHERE kind = 'sut' AND detail = 'ready again'
), outages AS ( -- a restart heals by itself
    SELECT s.injection, s.began_ns, CASE WHEN s.fault = 'sut-restart' THEN b.at_ns ELSE s.healed_ns END AS healed_ns
    FROM   struck AS s ASOF LEFT JOIN back AS b ON b.at_ns >= s.fired_ns
    WHERE  s.began_ns IS NOT NULL AND s.fired_ns IS NOT NULL
), done AS (
    SELECT order_ref, min(at_ns) AS at_ns FROM effects
    WHERE  kind IN ('sales_order_posted', 'order_cancelled') OR (kind = 'sales_order_rejected' AND permanent)
    GROUP  BY order_ref
), steps AS (
    SELECT 0 AS at_ns, 0 AS step -- nobody waits before the first order
    UNION  ALL
    SELECT placed_ns, 1 FROM accepted_orders WHERE NOT before_run
    UNION  ALL
    SELECT greatest(d.at_ns, o.placed_ns), -1 FROM done AS d JOIN accepted_orders AS o ON o.order_ref = d.order_ref AND NOT o.before_run
), backlog AS ( -- how many orders wait, from each instant on
    SELECT at_ns, sum(sum(step)) OVER (ORDER BY at_ns) AS waiting, lead(at_ns) OVER (ORDER BY at_ns) AS until_ns
    FROM   steps GROUP BY at_ns
), began AS (
    SELECT o.injection, o.healed_ns, arg_max(b.waiting, b.at_ns) AS waiting
    FROM   outages AS o JOIN backlog AS b ON b.at_ns <= o.began_ns
    WHERE  o.healed_ns IS NOT NULL
    GROUP  BY o.injection, o.healed_ns
)
SELECT NULL::VARCHAR AS channel, g.injection, min(greatest(b.at_ns, g.healed_ns) - g.healed_ns) FILTER (WHERE b.at_ns IS NOT NULL) / 1e9 AS value
FROM   began AS g
LEFT   JOIN backlog AS b ON b.waiting <= g.waiting AND coalesce(b.until_ns, 9223372036854775807) > g.healed_ns
GROUP  BY g.injection
