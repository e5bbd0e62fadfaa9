-- claim:    A request that keeps being refused is parked in the end, not retried for ever.
-- flow:     any
-- class:    retry
-- severity: major
-- step:     99
-- leads_to: omissions
-- cause:    A refusal is taken for "not yet" (a 404, a conflict) and nobody counts how often; or every attempt looks like the first, for its body or key is new.
-- remedy:   Give each step so many attempts or so much time, then park the order with the reason of the last refusal; if yours do end, but later, raise settle.max_s.
-- Attempts are told by where they go and what they are about, whatever their bodies and keys say. Violated only where the run ended in nothing else: no
-- effect, nothing that the estate still meant to do, no other call for a change, for five times settle.quiet_s until the deadline.
WITH refused AS (
    SELECT client, system, operation, subject, path, order_ref, call_id, at_ns, status, error,
           (SELECT (facts ->> '$.in_vain_since_ns')::BIGINT FROM run) AS since_ns
    FROM   sut_calls
    WHERE  changes AND outcome = 'refused' AND status BETWEEN 400 AND 499 AND status NOT IN (408, 425, 429)
)
SELECT concat_ws(' ', system, operation, subject)                                         AS subject,
       CASE WHEN any_value(since_ns) IS NOT NULL THEN max(at_ns) <= any_value(since_ns)
            WHEN (SELECT settled FROM run) THEN true END                                  AS holds,
       format('refused {} times in {:.0f} s ({} {}), and still asked {} times when nothing else happened any more: {}', count(*),
              (max(at_ns) - min(at_ns)) / 1e9, arg_max(status, at_ns), coalesce(arg_max(error, at_ns), 'no code'),
              count(*) FILTER (WHERE at_ns > since_ns), path)                             AS finding,
       list(call_id ORDER BY at_ns, call_id)                                              AS evidence,
       any_value(order_ref)                                                               AS order_ref,
       arg_min(call_id, at_ns) FILTER (WHERE at_ns > since_ns)                            AS guilty
FROM   refused
GROUP  BY client, system, operation, refused.subject, path
HAVING count(*) > 3 OR max(at_ns) > any_value(since_ns)
