-- claim:    After a failed precondition a document is read again before it is written.
-- flow:     any
-- class:    consistency
-- severity: critical
-- step:     11
-- leads_to: acts
-- cause:    A 412 is taken for a hiccup, and the same values are sent once more without the condition.
-- remedy:   On 412 read the document, decide anew with what it says now, and write with its present ETag.
WITH refused AS (
    SELECT call_id, system, client, path, operation, subject, order_ref, replied_ns FROM sut_calls WHERE changes AND status = 412
), touched AS ( -- what the caller did next with that document: a write of it, or a look at it or at its order
    SELECT c.system, c.client, c.path, c.order_ref, c.sku, c.call_id, c.at_ns, c.changes, c.if_match, c.status
    FROM   sut_calls AS c SEMI JOIN (SELECT DISTINCT system, client FROM refused) AS r
           ON r.system = c.system AND r.client IS NOT DISTINCT FROM c.client
), next_write AS (
    SELECT r.call_id, r.system, r.path, r.operation, r.subject, r.order_ref, r.replied_ns, w.call_id AS write_id, w.at_ns AS write_ns, w.if_match
    FROM   refused AS r
    ASOF   LEFT JOIN (SELECT * FROM touched WHERE changes) AS w
           ON w.system = r.system AND w.client IS NOT DISTINCT FROM r.client AND w.path = r.path AND w.at_ns > r.replied_ns
), looked AS (
    SELECT DISTINCT n.call_id
    FROM   next_write AS n
    JOIN   touched AS t ON t.system = n.system AND NOT t.changes AND t.at_ns BETWEEN n.replied_ns AND n.write_ns
                       AND (t.path = n.path OR starts_with(n.path, t.path) OR t.order_ref = n.order_ref OR t.sku = n.subject)
)
SELECT concat_ws(' ', n.system, n.operation, n.subject)                                   AS subject,
       bool_and(n.write_id IS NULL OR l.call_id IS NOT NULL OR n.if_match IS NOT NULL)    AS holds,
       CASE WHEN bool_and(n.write_id IS NULL OR l.call_id IS NOT NULL OR n.if_match IS NOT NULL) THEN 'refused with 412, then read again'
            ELSE format('refused with 412, and {} ms later written without a condition',
                        min((n.write_ns - n.replied_ns) // 1000000) FILTER (WHERE l.call_id IS NULL AND n.if_match IS NULL)) END AS finding,
       flatten(list([n.call_id, n.write_id] ORDER BY n.replied_ns))                       AS evidence,
       any_value(n.order_ref)                                                             AS order_ref,
       arg_min(n.write_id, n.write_ns) FILTER (WHERE l.call_id IS NULL AND n.if_match IS NULL) AS guilty
FROM   next_write AS n
LEFT   JOIN looked AS l ON l.call_id = n.call_id
GROUP  BY n.system, n.operation, n.subject, n.path
