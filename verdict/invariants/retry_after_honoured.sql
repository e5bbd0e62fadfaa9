-- claim:    No call comes to a throttled bucket before Retry-After has passed.
-- flow:     any
-- class:    retry
-- severity: major
-- step:     102
-- cause:    The client has its own ladder of waits and does not read Retry-After, or reads it in one worker of several.
-- remedy:   Keep one gate per bucket for all workers; on 429 or 503 close it until Retry-After has passed, then let calls through one by one.
-- Calls that were in flight when the refusal came are exempt: those that arrive within 250 ms of it (a caller with many
-- calls under way has sent them before it could read the refusal). The refused request itself, word for word, is never in
-- flight: a retry of it is held against the refusal from a millisecond on; only one or two of a run that come within 50 ms may be twins of
-- the refused request, sent beside it for an event that came twice at once. A call that comes at most 50 ms early is exempt too. Where a
-- refusal names no bucket, it speaks of its own operation and subject alone. Of first calls about others one or two of a run may come early
-- within a second: on a busy machine a middleware reads the refusal late.
WITH grace AS ( -- and as late as this machine was: what the load generator meant to do, the middleware read no sooner
    SELECT 250000000 + coalesce(quantile_cont(greatest(at_ns - due_ns, 0), 0.99), 0)::BIGINT AS ns
    FROM   workload WHERE due_ns IS NOT NULL AND kind <> 'phase'
), asked AS NOT MATERIALIZED ( -- every call, and only a few are looked at
    SELECT call_id, system, coalesce(client, 'anonymous') AS client, at_ns, replied_ns, outcome, status, retry_after_s,
           coalesce(bucket, concat_ws(' ', operation, subject)) AS bucket, retry_after_form,
           concat_ws(' ', operation, path, subject, request_body) AS request
    FROM   sut_calls
), refusals AS (
    SELECT *, replied_ns + (retry_after_s * 1000000000)::BIGINT - 50000000 AS until_ns
    FROM   asked WHERE status IN (429, 503) AND retry_after_s IS NOT NULL
), concerned AS (
    SELECT a.* FROM asked AS a SEMI JOIN refusals AS r ON r.system = a.system AND r.client = a.client AND r.bucket = a.bucket
), marks AS ( -- when a refusal takes hold: for its bucket, and for its own request; calls are held against the longest wait
    SELECT system, client, bucket, NULL AS request, replied_ns + (SELECT ns FROM grace) AS ns, until_ns, replied_ns, call_id AS refusal_id, NULL AS call_id, 0 AS is_call
    FROM   refusals
    UNION  ALL
    SELECT system, client, bucket, request, replied_ns + 1000000, until_ns, replied_ns, call_id, NULL, 0 FROM refusals
    UNION  ALL
    SELECT system, client, bucket, NULL, at_ns, NULL, NULL, NULL, call_id, 1 FROM concerned
    UNION  ALL
    SELECT system, client, bucket, request, at_ns, NULL, NULL, NULL, call_id, 1 FROM concerned
), timeline AS (
    SELECT *, max(CASE WHEN until_ns IS NOT NULL THEN {'until_ns': until_ns, 'refusal_id': refusal_id, 'replied_ns': replied_ns} END) OVER (
                 PARTITION BY system, client, bucket, request ORDER BY ns, is_call DESC
                 ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS wait
    FROM   marks
), early AS (
    SELECT system, client, bucket, call_id, min(ns) AS ns, max(wait.until_ns - ns) AS early_ns, arg_max(wait.refusal_id, wait.until_ns) AS refusal_id,
           bool_or(request IS NOT NULL) AS is_retry, max(ns - wait.replied_ns) FILTER (WHERE request IS NOT NULL) AS again_ns,
           max(ns - wait.replied_ns) FILTER (WHERE request IS NULL) AS since_ns
    FROM   timeline WHERE is_call = 1 AND wait.until_ns > ns
    GROUP  BY system, client, bucket, call_id
), broken AS ( -- a call is held against the refusal that asked for the longest wait
    SELECT refusal_id, count(*) AS calls, count(*) FILTER (WHERE is_retry) AS retries, max(early_ns) AS most_ns,
           arg_min(call_id, CASE WHEN is_retry THEN ns ELSE ns + 1000000000000000 END) AS first_id, list(call_id ORDER BY early_ns DESC)[:10] AS call_ids
    FROM  (SELECT *, count(*) FILTER (WHERE NOT is_retry) OVER (PARTITION BY system, client, bucket) AS others,
                  count(*) FILTER (WHERE again_ns <= 50000000) OVER (PARTITION BY system, client) AS twins
           FROM   early)
    WHERE  again_ns > 50000000 OR (is_retry AND twins >= 3) OR since_ns > 1000000000 OR (NOT is_retry AND others >= 3)
    GROUP  BY refusal_id
)
SELECT r.call_id                                                                          AS subject,
       b.calls IS NULL                                                                    AS holds,
       format('{} asked {} to wait {:.1f} s{} (bucket {}): {}', r.system, r.client, r.retry_after_s,
              CASE r.retry_after_form WHEN 'date' THEN ', given as an HTTP date' ELSE '' END, r.bucket,
              CASE WHEN b.calls IS NULL THEN 'it waited'
                   ELSE format('the refused request {}, {} other calls came early, the worst by {:.1f} s', times('retried early', b.retries),
                               b.calls - b.retries, b.most_ns / 1e9 + 0.05) END)   AS finding,
       list_concat([r.call_id], b.call_ids)                                               AS evidence,
       b.first_id                                                                         AS guilty,
       CASE r.retry_after_form WHEN 'date'
            THEN 'Read Retry-After in both its forms, seconds and an HTTP date, and wait until then.' END AS remedy
FROM   refusals AS r
LEFT   JOIN broken AS b ON b.refusal_id = r.call_id
