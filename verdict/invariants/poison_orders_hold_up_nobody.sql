-- claim:    An order that a system refuses for good holds up no other order.
-- flow:     order-to-erp, order-to-ship
-- class:    retry
-- severity: critical
-- step:     3
-- leads_to: omissions
-- cause:    A consumer that must not skip retries the same message for ever.
-- remedy:   Park what is refused for good and go on with the next; never try one order again in front of the others.
-- Poison is a refusal for good that blames the order itself: the answers of a race (too late, already done, not yet) blame nobody.
-- Another order waits only from when its step was possible and the middleware had heard so. Judged where three orders or more waited
-- for the five seconds between the refusal and the next call about another order, while the system took calls and asked for no pause.
WITH works (operation, topic) AS ( -- what has to be heard before a step is possible
    VALUES ('create_order', 'order.placed'), ('create_sales_order', 'order.placed'),
           ('create_fulfilment', 'order.allocated'), ('create_fulfilment', 'sales_order.posted')
), refusals AS (
    SELECT c.system, c.operation, c.order_ref, min(c.replied_ns) AS refused_ns, arg_min(c.call_id, c.replied_ns) AS call_id,
           arg_min(c.faults, c.replied_ns) AS faults
    FROM   sut_calls AS c
    WHERE  c.changes AND c.outcome = 'refused' AND c.permanent AND c.order_ref IS NOT NULL
      AND  c.refused_by NOT IN ('auth', 'validation', 'throttle')
      AND  coalesce(c.error NOT IN (SELECT error FROM refusal_codes), true)
      AND  c.operation IN (SELECT operation FROM works)
    GROUP  BY c.system, c.operation, c.order_ref
), turns AS ( -- calls that are about another order than the call before
    SELECT system, order_ref, at_ns FROM (
        SELECT system, order_ref, at_ns, lag(order_ref) OVER (PARTITION BY system ORDER BY at_ns, call_id) AS order_before
        FROM   sut_calls WHERE changes AND order_ref IS NOT NULL AND system IN (SELECT system FROM refusals))
    WHERE  order_ref IS DISTINCT FROM order_before
), gaps AS (
    SELECT r.*, coalesce(t.at_ns, (SELECT max(at_ns) FROM calls)) AS next_ns
    FROM   refusals AS r ASOF LEFT JOIN turns AS t ON t.system = r.system AND t.at_ns > r.refused_ns
), windows AS (
    SELECT injection, any_value(system) AS system, min(at_ns) FILTER (WHERE mark = 'armed') AS began_ns,
           coalesce(max(at_ns) FILTER (WHERE mark = 'healed'), 9223372036854775807) AS healed_ns
    FROM   faults WHERE fault <> 'poison-order' GROUP BY injection -- which makes the poison, and strikes nobody else
), long AS ( -- in which the system itself held nobody up
    SELECT g.* FROM gaps AS g
    WHERE  g.next_ns - g.refused_ns > 5000000000
      AND  NOT EXISTS (SELECT 1 FROM windows AS w WHERE w.system IN (g.system, '*', 'sut') AND NOT coalesce(list_contains(g.faults, w.injection), false)
                       AND w.began_ns < g.next_ns AND w.healed_ns > g.refused_ns)
      AND  NOT EXISTS (SELECT 1 FROM sut_calls AS c WHERE c.system = g.system AND c.retry_after_s IS NOT NULL AND c.replied_ns < g.next_ns
                       AND c.replied_ns + (c.retry_after_s * 1000000000)::BIGINT > g.refused_ns)
), heard AS (
    SELECT w.operation, t.order_ref, max(t.heard_ns) AS ready_ns
    FROM   works AS w
    JOIN  (SELECT topic, order_ref, min(replied_ns) AS heard_ns FROM deliveries
           WHERE acknowledged AND forgery IS NULL AND topic IN (SELECT topic FROM works) GROUP BY topic, order_ref) AS t ON t.topic = w.topic
    GROUP  BY w.operation, t.order_ref
    HAVING count(*) = (SELECT count(*) FROM works AS n WHERE n.operation = w.operation)
), first_asked AS (
    SELECT system, operation, order_ref, min(at_ns) AS at_ns FROM sut_calls
    WHERE  changes AND operation IN (SELECT operation FROM works) GROUP BY system, operation, order_ref
), held_up AS (
    SELECT g.system, g.operation, g.order_ref, count(*) AS orders, sum(g.next_ns - greatest(g.refused_ns, h.ready_ns)) / 60e9 AS order_minutes,
           list(o.effect_id ORDER BY h.ready_ns)[:10] AS effect_ids, list(h.order_ref) AS order_refs
    FROM   long AS g
    JOIN   heard AS h ON h.operation = g.operation AND h.ready_ns < g.next_ns - 5000000000 AND h.order_ref <> g.order_ref
    JOIN   accepted_orders AS o ON o.order_ref = h.order_ref AND NOT o.before_run
    LEFT   JOIN first_asked AS f ON f.system = g.system AND f.operation = g.operation AND f.order_ref = h.order_ref
    WHERE  coalesce(f.at_ns >= g.next_ns, true) AND NOT (o.cancelled AND o.cancelled_ns < g.next_ns)
    GROUP  BY g.system, g.operation, g.order_ref HAVING count(*) >= 3
)
SELECT g.order_ref                                                                        AS subject,
       h.order_ref IS NULL                                                                AS holds,
       format('{} refused it for good; the next call about another order came {:.1f} s later{}', g.system, (g.next_ns - g.refused_ns) / 1e9,
              coalesce(format(', and {} orders waited: {:.1f} order-minutes', h.orders, h.order_minutes), '')) AS finding,
       list_concat([g.call_id], h.effect_ids)                                             AS evidence,
       g.call_id                                                                          AS guilty,
       h.order_refs                                                                       AS explains
FROM   gaps AS g
LEFT   JOIN held_up AS h ON h.system = g.system AND h.operation = g.operation AND h.order_ref = g.order_ref
