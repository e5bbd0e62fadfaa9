-- claim:    Every item of a bulk call that failed transiently is sent again, or superseded.
-- flow:     any
-- class:    retry
-- severity: critical
-- step:     5
-- leads_to: omissions
-- cause:    A 207 is taken for success as a whole, or only the first failed item is read.
-- remedy:   Read the result of each item, and send every one again that failed with 429 or 5xx, alone or in the next bulk call.
WITH bulk AS MATERIALIZED (
    SELECT call_id, system, client, at_ns, replied_ns, subjects, response_body
    FROM   sut_calls WHERE changes AND (status = 207 OR outcome = 'unknown') AND subjects IS NOT NULL AND response_body IS NOT NULL
), answers AS MATERIALIZED ( -- few of many bodies
    SELECT hash, any_value(text) AS text FROM bodies SEMI JOIN (SELECT DISTINCT response_body FROM bulk) AS b ON b.response_body = hash GROUP BY hash
), items AS (
    SELECT b.call_id, b.system, b.replied_ns, b.subjects,
           unnest(from_json(TRY_CAST(a.text AS JSON) -> '$.results', '["JSON"]')) AS item
    FROM   bulk AS b JOIN answers AS a ON a.hash = b.response_body
), failed AS (
    SELECT call_id, system, replied_ns, subjects[TRY_CAST(item ->> '$.index' AS BIGINT) + 1] AS subject, TRY_CAST(item ->> '$.status' AS BIGINT) AS status
    FROM   items
    WHERE  TRY_CAST(item ->> '$.status' AS BIGINT) >= 500 OR TRY_CAST(item ->> '$.status' AS BIGINT) IN (408, 425, 429)
        OR (TRY_CAST(item ->> '$.status' AS BIGINT) = 409 AND (item ->> '$.problem.type') LIKE '%/item_failed')
), sent AS ( -- every later sending of an article to that system, alone or in bulk
    SELECT system, at_ns, unnest(coalesce(subjects, [coalesce(sku, subject)])) AS subject
    FROM   sut_calls WHERE changes AND system IN (SELECT system FROM failed)
), about AS ( -- how other invariants call what has to do with an article: a movement, a price
    SELECT sku, list(DISTINCT CASE kind WHEN 'stock_moved' THEN ref ELSE sku || ' ' || currency END) AS subjects
    FROM   effects WHERE kind IN ('stock_moved', 'price_set') AND sku IN (SELECT subject FROM failed) GROUP BY sku
), last_sent AS (
    SELECT system, subject, max(at_ns) AS at_ns FROM sent GROUP BY system, subject
)
SELECT concat_ws(' ', f.system, f.subject)                                                AS subject,
       eventually(bool_and(coalesce(l.at_ns > f.replied_ns, false)))                      AS holds,
       format('{} of a bulk call to {} failed ({}) and was {}', f.subject, f.system, arg_max(f.status, f.replied_ns),
              CASE WHEN bool_and(coalesce(l.at_ns > f.replied_ns, false)) THEN 'sent again' ELSE 'never sent again' END) AS finding,
       list(DISTINCT f.call_id)                                                           AS evidence,
       arg_max(f.call_id, f.replied_ns)                                                   AS guilty,
       list_concat([f.subject, f.subject || ' ' || f.system], any_value(s.subjects))      AS explains
FROM   failed AS f
LEFT   JOIN last_sent AS l ON l.system = f.system AND l.subject = f.subject
LEFT   JOIN about AS s ON s.sku = f.subject
WHERE  f.subject IS NOT NULL
GROUP  BY f.system, f.subject
