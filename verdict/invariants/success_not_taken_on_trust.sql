-- claim:    A 2xx whose document says that it went wrong, or cannot be read, is not taken for success.
-- flow:     any
-- class:    traceability
-- severity: critical
-- step:     3
-- leads_to: omissions
-- cause:    Only the status is looked at, and the body that says otherwise is not.
-- remedy:   Read the document of every answer: an error under a 200 is a failure, and what cannot be read must be looked up or asked again.
WITH doubtful AS (
    SELECT call_id, system, operation, subject, path, order_ref, at_ns, status, error, coalesce(committed, false) AS committed
    FROM   sut_calls WHERE changes AND outcome <> 'ok' AND status BETWEEN 200 AND 299
), later AS (
    SELECT system, operation, subject, path, max(at_ns) AS at_ns
    FROM   sut_calls SEMI JOIN doubtful USING (system, operation, subject, path)
    WHERE  changes GROUP BY system, operation, subject, path
), steps AS (
    SELECT system, operation, subject, path, any_value(order_ref) AS order_ref, max(at_ns) AS at_ns, any_value(status) AS status,
           any_value(error) AS error, bool_and(committed) AS committed, list(call_id ORDER BY at_ns, call_id) AS call_ids
    FROM   doubtful GROUP BY system, operation, subject, path
)
SELECT concat_ws(' ', s.system, s.operation, s.subject)                                   AS subject,
       due(s.committed OR l.at_ns > s.at_ns OR coalesce(o.parked OR o.cancelled, false),
           coalesce(o.owed, false))                                                       AS holds,
       format('{} answered {} with {}, and nothing was done: {}', s.operation, s.status, coalesce(s.error, 'a document that cannot be read'),
              CASE WHEN l.at_ns > s.at_ns THEN 'retried' ELSE 'it was never retried' END) AS finding,
       s.call_ids                                                                         AS evidence,
       s.order_ref,
       s.call_ids[-1]                                                                     AS guilty
FROM   steps AS s
LEFT   JOIN later AS l ON l.system = s.system AND l.operation = s.operation AND l.subject = s.subject AND l.path = s.path
LEFT   JOIN accepted_orders AS o ON o.order_ref = s.order_ref
