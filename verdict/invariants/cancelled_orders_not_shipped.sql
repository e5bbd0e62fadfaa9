-- claim:    What any system shows as cancelled never leaves the warehouse.
-- flow:     order-to-ship, cancel
-- class:    consistency
-- severity: critical
-- step:     59
-- cause:    A cancellation is granted without asking the warehouse first, or the two race and nothing looks which one won.
-- remedy:   Ask the warehouse first and accept a cancellation only when it has stopped the order; when it is too late, decline.
WITH given_up AS ( -- at which system, line by line, and how much so far
    SELECT c.system, c.order_ref, l.line_id, l.quantity AS ordered, c.effect_id, c.at_ns, coalesce(c.quantity, l.quantity) AS quantity
    FROM   cancelled_lines AS c
    JOIN   order_lines AS l ON l.order_ref = c.order_ref AND (c.line_id IS NULL OR c.line_id = l.line_id)
), shipped AS (
    SELECT order_ref, line_id, sum(quantity) AS quantity, list(DISTINCT effect_id) AS effect_ids
    FROM   shipped_lines GROUP BY ALL
), compared AS (
    SELECT c.*, coalesce(s.quantity, 0) AS shipped, s.effect_ids AS shipped_ids,
           sum(c.quantity) OVER (PARTITION BY c.system, c.order_ref, c.line_id ORDER BY c.at_ns, c.effect_id) AS so_far
    FROM   given_up AS c
    LEFT   JOIN shipped AS s ON s.order_ref = c.order_ref AND s.line_id = c.line_id
), judged_cancellations AS (
    SELECT *, shipped > 0 AND so_far + shipped > ordered AS wrong FROM compared
), first_wrong AS (
    SELECT order_ref, min(at_ns) AS at_ns, arg_min(effect_id, (at_ns, effect_id)) AS effect_id FROM judged_cancellations WHERE wrong GROUP BY order_ref
), requested_late AS ( -- asked of the warehouse although it was cancelled already: then that request is the mistake
    SELECT w.order_ref, arg_min(e.effect_id, (e.at_ns, e.effect_id)) AS effect_id
    FROM   first_wrong AS w JOIN effects AS e ON e.kind = 'fulfilment_requested' AND e.order_ref = w.order_ref AND e.at_ns > w.at_ns
    GROUP  BY w.order_ref
)
SELECT c.order_ref                                                                        AS subject,
       NOT bool_or(c.wrong)                                                               AS holds,
       CASE WHEN NOT bool_or(c.wrong) THEN 'nothing cancelled was shipped'
            ELSE format('cancelled in {}, and yet shipped: {}', string_agg(DISTINCT c.system, ', ') FILTER (WHERE c.wrong),
                        array_to_string(list_sort(list_distinct(list(format('line {} × {} of {} cancelled, {} shipped', c.line_id,
                                        c.so_far::BIGINT, c.ordered, c.shipped::BIGINT)) FILTER (WHERE c.wrong))), '; ')) END AS finding,
       list_distinct(list_concat(list(c.effect_id ORDER BY c.at_ns), flatten(list(c.shipped_ids)), list(r.effect_id))) AS evidence,
       coalesce(any_value(r.effect_id), any_value(w.effect_id))                           AS guilty,
       CASE WHEN any_value(r.effect_id) IS NOT NULL
            THEN 'Look whether an order is cancelled before requesting its goods, also where the cancellation came first.' END AS remedy
FROM   judged_cancellations AS c
LEFT   JOIN first_wrong AS w ON w.order_ref = c.order_ref
LEFT   JOIN requested_late AS r ON r.order_ref = c.order_ref
GROUP  BY c.order_ref
