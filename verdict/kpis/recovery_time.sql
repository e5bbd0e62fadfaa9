-- name:       recovery_time
-- definition: After the worst outage, from its healing until no more orders wait for posting than when it began; null if that never came.
-- unit:       s
-- source:     fault log (outages, closed ports, what struck the system under test); effects order_placed, sales_order_posted, sales_order_rejected, order_cancelled
-- better:     lower
-- measure:    longest
-- by:         injection
WITH outages AS (
    SELECT injection, min(at_ns) FILTER (WHERE mark = 'armed') AS began_ns, max(at_ns) FILTER (WHERE mark = 'healed') AS healed_ns
    FROM   faults
    WHERE  fault LIKE '%outage%' OR fault IN ('refused', 'sut-kill', 'sut-pause')
    GROUP  BY injection
    HAVING began_ns IS NOT NULL AND healed_ns IS NOT NULL AND count(*) FILTER (WHERE mark = 'fired') > 0
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
    GROUP  BY o.injection, o.healed_ns
)
SELECT NULL::VARCHAR AS channel, g.injection, min(greatest(b.at_ns, g.healed_ns) - g.healed_ns) FILTER (WHERE b.at_ns IS NOT NULL) / 1e9 AS value
FROM   began AS g
LEFT   JOIN backlog AS b ON b.waiting <= g.waiting AND coalesce(b.until_ns, 9223372036854775807) > g.healed_ns
GROUP  BY g.injection
