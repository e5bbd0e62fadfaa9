-- claim:    After a failed token request or a 401 the middleware gets a new token and goes on.
-- flow:     any
-- class:    retry
-- severity: critical
-- step:     2
-- leads_to: omissions
-- cause:    The token request's error document is kept as if it were a token, or its failure ends the client for good.
-- remedy:   Check the status of the token's answer, repeat the token request with a growing wait, and fetch a new one after a 401.
WITH known AS (
    SELECT system, max(at_ns) AS at_ns FROM sut_calls
    WHERE  client IS NOT NULL AND operation <> 'issue_token' AND coalesce(refused_by, '') <> 'auth' GROUP BY system
), troubles AS (
    SELECT system, call_id, at_ns, operation = 'issue_token' AS is_token, coalesce(status::VARCHAR, 'no reply') AS answer, retry_after_form
    FROM   sut_calls WHERE (operation = 'issue_token' AND outcome <> 'ok') OR (refused_by = 'auth' AND status = 401)
), afterwards AS (
    SELECT t.system, count(*) AS troubles, count(*) FILTER (WHERE t.at_ns > coalesce(k.at_ns, 0)) AS since,
           arg_min(t.call_id, t.at_ns) FILTER (WHERE t.at_ns > coalesce(k.at_ns, 0)) AS guilty,
           arg_min(t.is_token, t.at_ns) FILTER (WHERE t.at_ns > coalesce(k.at_ns, 0)) AS is_token,
           arg_min(t.answer, t.at_ns) FILTER (WHERE t.at_ns > coalesce(k.at_ns, 0)) AS answer,
           count(*) FILTER (WHERE NOT t.is_token AND t.at_ns > coalesce(k.at_ns, 0)) AS rejected,
           list(t.call_id ORDER BY t.at_ns)[-20:] AS call_ids
    FROM   troubles AS t LEFT JOIN known AS k ON k.system = t.system
    GROUP  BY t.system
), without AS ( -- orders of which that system has nothing of the middleware's
    SELECT a.system, list(o.order_ref) AS order_refs
    FROM   afterwards AS a
    CROSS  JOIN accepted_orders AS o -- only where access was lost, so few systems
    ANTI   JOIN (SELECT DISTINCT system, order_ref FROM effects WHERE actor IS NULL AND call_id IS NOT NULL) AS e
           ON e.system = a.system AND e.order_ref = o.order_ref
    WHERE  a.since > 0 AND NOT o.before_run
    GROUP  BY a.system
)
SELECT a.system                                                                           AS subject,
       eventually(a.since = 0)                                                            AS holds,
       CASE WHEN a.since = 0 THEN format('{} token requests and calls were refused, and access was regained', a.troubles)
            ELSE format('{} failed ({}), and no call with a valid token came to {} afterwards{}',
                        CASE WHEN a.is_token THEN 'a token request' ELSE 'a call' END, a.answer, a.system,
                        CASE WHEN a.rejected > 0 THEN format('; {} calls were rejected with 401', a.rejected) ELSE '' END) END AS finding,
       a.call_ids                                                                         AS evidence,
       a.guilty,
       w.order_refs                                                                       AS explains
FROM   afterwards AS a
LEFT   JOIN without AS w ON w.system = a.system
