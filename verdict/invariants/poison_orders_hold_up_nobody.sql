-- claim:    An order that a system refuses for good holds up no other order.
-- flow:     order-to-erp, order-to-ship
-- class:    retry
-- severity: critical
-- step:     33
-- cause:    A consumer that must not skip retries the same message for ever.
-- remedy:   Park what is refused for good and go on with the next; never try one order again in front of the others.
-- Judged by what waited: three orders or more that had not been asked about for the five seconds between the refusal and the next
-- call about another order. The cost is said in order-minutes.
WITH refusals AS (
    SELECT system, order_ref, min(replied_ns) AS refused_ns, arg_min(call_id, at_ns) AS call_id
    FROM   sut_calls
    WHERE  changes AND outcome = 'refused' AND permanent AND order_ref IS NOT NULL AND refused_by NOT IN ('auth', 'validation', 'throttle')
    GROUP  BY system, order_ref
), turns AS ( -- calls that are about another order than the call before
    SELECT system, order_ref, at_ns FROM (
        SELECT system, order_ref, at_ns, lag(order_ref) OVER (PARTITION BY system ORDER BY at_ns, call_id) AS order_before
        FROM   sut_calls WHERE changes AND order_ref IS NOT NULL AND system IN (SELECT system FROM refusals))
    WHERE  order_ref IS DISTINCT FROM order_before
), gaps AS (
    SELECT r.*, coalesce(t.at_ns, (SELECT max(at_ns) FROM calls)) AS next_ns
    FROM   refusals AS r ASOF LEFT JOIN turns AS t ON t.system = r.system AND t.at_ns > r.refused_ns
), first_asked AS (
    SELECT system, order_ref, min(at_ns) AS at_ns FROM turns GROUP BY system, order_ref
), held_up AS (
    SELECT g.system, g.order_ref, count(*) AS orders, sum(g.next_ns - greatest(g.refused_ns, o.placed_ns)) / 60e9 AS order_minutes,
           list(o.effect_id ORDER BY o.placed_ns)[:10] AS effect_ids
    FROM  (SELECT * FROM gaps WHERE next_ns - refused_ns > 5000000000) AS g
    JOIN   accepted_orders AS o ON o.placed_ns < g.next_ns - 1000000000 AND o.order_ref <> g.order_ref AND NOT o.before_run
    LEFT   JOIN first_asked AS f ON f.system = g.system AND f.order_ref = o.order_ref
    WHERE  coalesce(f.at_ns >= g.next_ns, g.system = 'erp') AND NOT (o.cancelled AND o.cancelled_ns < g.next_ns)
    GROUP  BY g.system, g.order_ref HAVING count(*) >= 3
)
SELECT g.order_ref                                                                        AS subject,
       h.order_ref IS NULL                                                                AS holds,
       format('{} refused it for good; the next call about another order came {:.1f} s later{}', g.system, (g.next_ns - g.refused_ns) / 1e9,
              coalesce(format(', and {} orders waited: {:.1f} order-minutes', h.orders, h.order_minutes), '')) AS finding,
       list_concat([g.call_id], h.effect_ids)                                             AS evidence
FROM   gaps AS g
LEFT   JOIN held_up AS h ON h.system = g.system AND h.order_ref = g.order_ref
