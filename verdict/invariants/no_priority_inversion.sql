-- claim:    No order waits for its request to the warehouse while a less urgent one that was ready later is asked for first.
-- flow:     order-to-ship
-- class:    timeliness
-- severity: major
-- step:     42
-- cause:    One queue in the order of arrival, or retried orders go to its end whatever their urgency.
-- remedy:   Work off what is ready by priority, then by date; never behind a queue of less urgent orders, and never in the order of arrival alone.
-- Ready means told that it is posted and allocated: what a middleware must find by polling is not examined. A lower number is more
-- urgent. Up to a second is tolerated, and what counts is the first attempt.
WITH ready AS (
    SELECT order_ref, max(at_ns) AS known_ns, max(replied_ns) AS ready_ns, count(*) AS marks FROM (
        SELECT order_ref, topic, min(at_ns) AS at_ns, min(replied_ns) AS replied_ns FROM deliveries
        WHERE  topic IN ('sales_order.posted', 'order.allocated') AND acknowledged AND forgery IS NULL GROUP BY order_ref, topic)
    GROUP  BY order_ref
), tried AS (
    SELECT order_ref, min(at_ns) AS first_ns, arg_min(id, at_ns) AS first_id FROM (
        SELECT order_ref, at_ns, effect_id AS id FROM effects WHERE kind = 'fulfilment_requested' AND actor IS NULL
        UNION  ALL
        SELECT order_ref, at_ns, call_id FROM troubled_calls WHERE operation = 'create_fulfilment')
    GROUP  BY order_ref
), silent AS ( -- times in which the warehouse's connections were struck: an attempt may have been made that nothing shows
    SELECT injection, min(at_ns) FILTER (WHERE mark = 'armed') AS began_ns,
           coalesce(max(at_ns) FILTER (WHERE mark = 'healed') + 10000000000, 9223372036854775807) AS healed_ns
    FROM   faults WHERE system = '*' OR system IN (SELECT system FROM effects WHERE kind = 'fulfilment_requested')
    GROUP  BY injection HAVING count(*) FILTER (WHERE mark = 'fired' AND call_id IS NULL) > 0
), orders AS (
    SELECT o.order_ref, o.effect_id, o.priority, r.known_ns, r.ready_ns, t.first_ns, t.first_id
    FROM   accepted_orders AS o
    JOIN   ready AS r ON r.order_ref = o.order_ref AND r.marks = 2
    JOIN   tried AS t ON t.order_ref = o.order_ref
    WHERE  o.priority IS NOT NULL AND t.first_ns >= r.known_ns
), suffixes AS ( -- of all that were ready then or later, which was asked for first
    SELECT priority, known_ns, min(first_ns) OVER later AS first_ns, arg_min(order_ref, first_ns) OVER later AS order_ref,
           arg_min(first_id, first_ns) OVER later AS first_id
    FROM   orders
    WINDOW later AS (PARTITION BY priority ORDER BY known_ns DESC ROWS UNBOUNDED PRECEDING)
), late AS ( -- more urgent than something, and more than a second behind
    SELECT o.*, p.priority AS less_urgent FROM orders AS o
    JOIN  (SELECT DISTINCT priority FROM orders) AS p ON p.priority > o.priority -- a handful of priorities
    WHERE  o.first_ns > o.ready_ns + 1000000000
      AND  o.order_ref NOT IN (SELECT order_ref FROM effects WHERE kind = 'cancellation_requested')
      AND  NOT EXISTS (SELECT 1 FROM silent AS w WHERE w.began_ns < o.first_ns AND w.healed_ns > o.ready_ns)
), overtaken AS (
    SELECT l.order_ref, arg_min(s.order_ref, s.first_ns) AS other, min(s.first_ns) AS other_ns, arg_min(s.first_id, s.first_ns) AS other_id,
           arg_min(l.less_urgent, s.first_ns) AS priority
    FROM   late AS l
    ASOF   JOIN suffixes AS s ON s.priority = l.less_urgent AND s.known_ns >= l.ready_ns
    WHERE  s.first_ns < l.first_ns - 1000000000
    GROUP  BY l.order_ref
)
SELECT o.order_ref                                                                        AS subject,
       v.order_ref IS NULL                                                                AS holds,
       format('priority {}: asked for {:.1f} s after it was ready{}', o.priority, (o.first_ns - o.ready_ns) / 1e9,
              coalesce(format(', {:.1f} s after {} of priority {}, which was ready later', (o.first_ns - v.other_ns) / 1e9, v.other, v.priority), '')) AS finding,
       [o.effect_id, o.first_id, v.other_id]                                              AS evidence,
       v.other_id                                                                         AS guilty
FROM   orders AS o
LEFT   JOIN overtaken AS v ON v.order_ref = o.order_ref
