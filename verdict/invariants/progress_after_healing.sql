-- claim:    Once every fault is healed, no order waits longer than 15 seconds for its next step.
-- flow:     order-to-erp, order-to-ship
-- class:    timeliness
-- severity: major
-- step:     12
-- cause:    Waits double without a cap, or the only worker waits a minute for an answer that will never come.
-- remedy:   Cap the wait between retries at a few seconds, give calls a time-out of a few seconds, and use several workers.
-- A step can be taken when what it needs is there, every fault is healed, and no answer to this order asked for a pause; each attempt
-- that fails begins its time anew. A middleware that is busy with what was there before is not idle: the order counts as held up where
-- three that could go on later were served first, or where nothing was asked of any system for five seconds.
WITH healed AS (
    SELECT max(at_ns) AS at_ns FROM faults WHERE mark IN ('healed', 'armed') AND injection IN (SELECT injection FROM faults WHERE mark = 'fired')
), ready AS ( -- when each step became possible
    SELECT 'oms_order_created' AS step, order_ref, NULL AS ref, effect_id, placed_ns AS at_ns FROM accepted_orders WHERE NOT before_run AND judged('order-to-ship')
    UNION  ALL
    SELECT 'sales_order_received', order_ref, NULL, effect_id, placed_ns FROM accepted_orders WHERE NOT before_run
    UNION  ALL
    SELECT 'fulfilment_requested', a.order_ref, NULL, a.effect_id, greatest(a.at_ns, p.at_ns)
    FROM   effects AS a JOIN effects AS p ON p.order_ref = a.order_ref AND p.kind = 'sales_order_posted'
    WHERE  a.kind = 'order_allocated' AND judged('order-to-ship')
    UNION  ALL
    SELECT s.step, e.order_ref, e.ref, e.effect_id, e.at_ns
    FROM   effects AS e CROSS JOIN (VALUES ('payment_captured'), ('invoice_received'), ('oms_order_shipped'), ('shipment_recorded')) AS s (step)
    WHERE  e.kind = 'shipment_confirmed' AND len(e.lines) > 0 AND judged('order-to-ship')
), done AS (
    SELECT kind AS step, order_ref, CASE WHEN kind IN ('oms_order_created', 'sales_order_received', 'fulfilment_requested') THEN NULL ELSE ref END AS ref,
           system, min(at_ns) AS at_ns, arg_min(effect_id, at_ns) AS effect_id
    FROM   effects
    WHERE  kind IN ('oms_order_created', 'sales_order_received', 'fulfilment_requested', 'payment_captured', 'invoice_received', 'oms_order_shipped', 'shipment_recorded')
      AND  actor IS NULL
    GROUP  BY ALL
), steps AS (
    SELECT r.step, r.order_ref, r.ref, r.effect_id AS ready_id, r.at_ns AS ready_ns, d.system, d.at_ns AS done_ns, d.effect_id AS done_id
    FROM   ready AS r
    JOIN   done AS d ON d.step = r.step AND d.order_ref = r.order_ref AND d.ref IS NOT DISTINCT FROM r.ref
), slow AS ( -- few
    SELECT s.*, h.at_ns AS healed_ns FROM steps AS s CROSS JOIN healed AS h WHERE s.done_ns > greatest(s.ready_ns, h.at_ns) + 15000000000
), began AS ( -- from when its time runs: not before the last attempt that failed, and the pause that its answer asked for
    SELECT s.step, s.order_ref, s.ref, any_value(s.system) AS system, any_value(s.ready_id) AS ready_id, any_value(s.done_id) AS done_id, any_value(s.done_ns) AS done_ns,
           greatest(any_value(s.ready_ns), any_value(s.healed_ns),
                    coalesce(max(c.replied_ns + coalesce(c.retry_after_s, 0)::BIGINT * 1000000000) FILTER (
                        WHERE c.at_ns > s.healed_ns AND c.outcome <> 'ok'), 0)) AS began_ns
    FROM   slow AS s
    LEFT   JOIN sut_calls AS c ON c.order_ref = s.order_ref AND c.system = s.system AND c.changes AND c.at_ns BETWEEN s.ready_ns AND s.done_ns
    GROUP  BY s.step, s.order_ref, s.ref
), waiting AS (
    SELECT b.*, (b.done_ns - b.began_ns) / 1e9 AS wait_s,
           (SELECT count(*) FROM steps AS o WHERE o.step = b.step AND o.ready_ns > b.began_ns AND o.done_ns < b.done_ns) AS overtaken_by,
           (SELECT count(*) FROM sut_calls AS t WHERE t.system = b.system AND t.status = 429 AND t.at_ns BETWEEN b.began_ns AND b.done_ns) AS throttled
    FROM   began AS b WHERE b.done_ns > b.began_ns + 15000000000
), pauses AS ( -- the longest time in it in which nothing was asked for anywhere
    SELECT w.step, w.order_ref, w.ref, max(c.at_ns - greatest(coalesce(c.before_ns, 0), w.began_ns)) / 1e9 AS idle_s
    FROM   waiting AS w
    JOIN  (SELECT at_ns, lag(at_ns) OVER (ORDER BY at_ns) AS before_ns FROM sut_calls WHERE changes) AS c ON c.at_ns BETWEEN w.began_ns AND w.done_ns + 1
    GROUP  BY w.step, w.order_ref, w.ref
), held_up AS (
    SELECT w.* FROM waiting AS w
    LEFT   JOIN pauses AS p ON p.step = w.step AND p.order_ref = w.order_ref AND p.ref IS NOT DISTINCT FROM w.ref
    WHERE  w.throttled = 0 AND (w.overtaken_by >= 3 OR coalesce(p.idle_s, w.wait_s) >= 5)
)
SELECT s.order_ref                                                                        AS subject,
       count(w.done_id) = 0                                                               AS holds,
       CASE WHEN count(w.done_id) > 0
            THEN format('{} came {:.1f} s after it could, with every fault healed{}', arg_max(w.step, w.wait_s), max(w.wait_s),
                        CASE WHEN arg_max(w.overtaken_by, w.wait_s) >= 3 THEN format('; {} that could go on later went first', arg_max(w.overtaken_by, w.wait_s)) ELSE '' END)
            ELSE 'each step in good time' END                                             AS finding,
       coalesce(flatten(list([w.ready_id, w.done_id]) FILTER (WHERE w.done_id IS NOT NULL)), [any_value(s.ready_id)]) AS evidence,
       arg_max(w.done_id, w.wait_s)                                                       AS guilty
FROM   steps AS s
LEFT   JOIN held_up AS w ON w.step = s.step AND w.order_ref = s.order_ref AND w.ref IS NOT DISTINCT FROM s.ref
WHERE  s.done_ns > (SELECT at_ns FROM healed)
GROUP  BY s.order_ref
