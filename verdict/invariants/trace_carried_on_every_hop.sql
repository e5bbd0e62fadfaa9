-- claim:    Where the middleware propagates trace context, every change call for an order carries it.
-- flow:     order-to-erp, order-to-ship, cancel, return-to-refund
-- class:    traceability
-- severity: minor
-- step:     111
-- cause:    The trace ends at the queue: work that starts from storage begins without it.
-- remedy:   Send traceparent (W3C Trace Context) with every call about an order, also from retries, timers and after a restart.
-- A middleware that never sends a trace id is not examined.
SELECT order_ref                                                                          AS subject,
       count(trace_id) = count(*)                                                         AS holds,
       format('{} of {} changes carry a trace id, not {}', count(trace_id), count(*),
              string_agg(DISTINCT system || ' ' || operation, ', ') FILTER (WHERE trace_id IS NULL)) AS finding,
       list(call_id ORDER BY at_ns, call_id) FILTER (WHERE trace_id IS NULL)              AS evidence,
       arg_min(call_id, at_ns) FILTER (WHERE trace_id IS NULL)                            AS guilty
FROM   sut_calls
WHERE  changes AND order_ref IS NOT NULL AND EXISTS (SELECT 1 FROM sut_calls WHERE trace_id IS NOT NULL)
GROUP  BY order_ref
