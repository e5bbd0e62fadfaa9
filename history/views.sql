-- What every query may stand on besides the records themselves. Columns are public: see docs/history.md.

-- True or false where the answer is known; null where it is "not yet" and the run never settled.
CREATE MACRO eventually(condition) AS
    CASE WHEN condition THEN true WHEN (SELECT settled FROM run) THEN false END;

-- As `eventually`; null also where the estate still owed the event that it depends on.
CREATE MACRO due(condition, is_owed) AS
    CASE WHEN condition THEN true WHEN is_owed THEN NULL WHEN (SELECT settled FROM run) THEN false END;

-- Whether the run is judged on a flow.
CREATE MACRO judged(name) AS EXISTS (SELECT 1 FROM judged_flows WHERE flow = name);

-- Units by line as a sorted list of [line id, units], whatever the order of the lines and however often one is named.
CREATE MACRO units_by_line(lines) AS
    list_sort([[l, list_sum([x.quantity FOR x IN lines IF x.line_id = l])::VARCHAR] FOR l IN list_distinct([y.line_id FOR y IN lines])]);

-- What was done and how often, in words: `never booked`, `booked once`, `booked 3 times`.
CREATE MACRO times(done, n) AS
    CASE coalesce(n, 0) WHEN 0 THEN 'never ' || done WHEN 1 THEN done || ' once' WHEN 2 THEN done || ' twice'
         ELSE format('{} {} times', done, n) END;

-- An amount of money, with the decimals of its currency.
CREATE MACRO money(value, currency) AS
    CASE WHEN currency = 'JPY' THEN format('{:.0f} {}', value::DOUBLE, currency)
         WHEN currency = 'KWD' THEN format('{:.3f} {}', value::DOUBLE, currency)
         ELSE concat_ws(' ', format('{:.2f}', value::DOUBLE), currency) END;

-- A span of time in words: milliseconds below a second, else seconds with one decimal.
CREATE MACRO span(ns) AS
    CASE WHEN abs(ns) < 1000000000 THEN format('{} ms', ns // 1000000) ELSE format('{:.1f} s', ns / 1e9) END;

-- Articles that the ERP's item master has; where it names none, all are taken as known.
CREATE TABLE erp_items AS
SELECT DISTINCT sku FROM effects WHERE kind = 'item_known'
UNION
SELECT DISTINCT sku FROM effects
WHERE  sku IS NOT NULL AND NOT EXISTS (SELECT 1 FROM effects WHERE kind = 'item_known');

-- Every document of `state` in short: the fields that most questions are about. In memory, so quicker than `state`.
CREATE VIEW documents AS
SELECT system, kind, id, order_ref, sku, doc.status AS status, doc.location AS location,
       TRY_CAST(doc.on_hand AS BIGINT) AS on_hand
FROM   state_read;

-- Orders that the SUT gave up on, visibly.
CREATE TABLE parked AS
SELECT coalesce(order_ref, doc.order_ref) AS order_ref,
       doc.system                         AS system,
       doc.reason                         AS reason,
       doc.since                          AS since
FROM   state_read
WHERE  system = 'sut' AND kind = 'exception';

-- Orders of which an event was still on its way to the SUT when the run ended: nothing can be said yet of what it leads to.
CREATE TABLE owed_orders AS
SELECT DISTINCT coalesce(order_ref, doc.order_ref) AS order_ref
FROM   state_read
WHERE  kind = 'owed_delivery';

-- Articles of which an event was still on its way to the SUT when the run ended.
CREATE TABLE owed_articles AS
SELECT DISTINCT sku
FROM   state_read
WHERE  kind = 'owed_delivery' AND sku IS NOT NULL;

-- Whom a refusal blames, by its code: `moment` (it came too late, too early or twice, as in any race) or `request` (it was wrong
-- in itself). Any other refusal for good blames the order.
CREATE TABLE refusal_codes AS
SELECT unnest(['not_rejected', 'order_posted', 'order_cancelled', 'order_invoiced', 'order_shipped', 'order_exists', 'nothing_open',
               'already_closed', 'already_voided', 'already_captured', 'already_decided', 'too_late', 'not_posted',
               'not_allocated', 'not_invoiced', 'not_shipped', 'idempotency_key_in_use', 'concurrent_modification', 'over_shipped',
               'stale_version', 'precondition_failed', 'duplicate_reference', 'not_found']) AS error, 'moment' AS blames
UNION  ALL
SELECT unnest(['forbidden', 'no_such_path', 'method_not_allowed', 'malformed_body', 'body_too_large', 'unsupported_media_type',
               'form_required', 'invalid_request', 'unknown_currency', 'inexact_amount', 'amount_mismatch', 'currency_mismatch',
               'unknown_line', 'unknown_location', 'precondition_required', 'idempotency_key_invalid', 'idempotency_key_required',
               'idempotency_key_reused', 'unknown_topic', 'url_not_allowed', 'exceeds_total', 'exceeds_authorised',
               'exceeds_captured']), 'request';

-- Systems on which shoppers buy.
CREATE TABLE channels AS
SELECT system AS channel FROM effects WHERE kind IN ('order_placed', 'availability_listed', 'price_listed', 'listing_lowered')
UNION
SELECT system FROM documents WHERE kind = 'listing';

-- Every order that a channel accepted, once. A reference is unique over all channels; where a workload places one twice the first
-- stands here, and the run is inconclusive (verdict/validity.py).
CREATE TABLE accepted_orders AS
WITH placed AS (
    SELECT order_ref, effect_id, system, at_ns, currency, amount, lines, actor,
           json_extract(data, ['$.shipping', '$.customer', '$.ship_to', '$.payment_id', '$.priority', '$.ship_by', '$.service_level']) AS said
    FROM   effects WHERE kind = 'order_placed' AND order_ref IS NOT NULL
    QUALIFY row_number() OVER (PARTITION BY order_ref ORDER BY at_ns, effect_id) = 1
), fates AS (
    SELECT order_ref,
           min(at_ns) FILTER (WHERE kind = 'order_cancelled')                        AS cancelled_ns,
           bool_or(kind = 'order_unfillable')                                        AS unfillable,
           bool_or(kind = 'sales_order_rejected' AND coalesce(permanent, false))     AS rejected
    FROM   effects
    WHERE  kind IN ('order_cancelled', 'order_unfillable', 'sales_order_rejected')
    GROUP  BY order_ref
)
SELECT p.order_ref,
       p.effect_id,
       p.system                                             AS channel,
       p.at_ns                                              AS placed_ns,
       p.currency,
       p.amount                                             AS total,
       TRY_CAST(p.said[1] ->> '$' AS DECIMAL(18, 4))        AS shipping,
       p.lines,
       p.said[2]                                           AS customer,
       p.said[3]                                           AS ship_to,
       p.said[4] ->> '$'                                    AS payment_id,
       TRY_CAST(p.said[5] ->> '$' AS BIGINT)                AS priority,
       p.said[6] ->> '$'                                    AS ship_by,
       p.said[7] ->> '$'                                    AS service_level,
       f.cancelled_ns IS NOT NULL                           AS cancelled,
       f.cancelled_ns,
       k.order_ref IS NOT NULL                              AS parked,
       coalesce(f.unfillable, false)                        AS unfillable,
       coalesce(f.rejected, false)                          AS rejected,
       coalesce(p.actor = 'before-run', false)              AS before_run,
       w.order_ref IS NOT NULL                              AS owed,
       u.order_ref IS NOT NULL                              AS undecided
FROM   placed AS p
LEFT   JOIN (SELECT DISTINCT c.order_ref FROM effects AS c -- a wish to cancel that was never answered: the order waits for that alone
             ANTI JOIN (SELECT ref FROM effects WHERE kind IN ('cancellation_accepted', 'cancellation_declined', 'cancellation_closed')) AS d
                  ON d.ref = c.ref
             WHERE c.kind = 'cancellation_requested' AND judged('cancel')) AS u USING (order_ref)
LEFT   JOIN owed_orders AS w USING (order_ref)
LEFT   JOIN fates AS f USING (order_ref)
LEFT   JOIN (SELECT DISTINCT order_ref FROM parked) AS k USING (order_ref);

-- What was ordered, line by line; a SKU may repeat in an order, a line id does not.
CREATE TABLE order_lines AS
SELECT order_ref, line.line_id, line.sku, line.quantity,
       TRY_CAST(line.unit_price AS DECIMAL(18, 4)) AS unit_price
FROM   (SELECT order_ref, unnest(lines) AS line FROM accepted_orders);

-- What the middleware asked of the systems; shoppers' own clients, named `shopper-…`, are left out.
CREATE VIEW sut_calls AS
SELECT * FROM calls WHERE coalesce(client NOT LIKE 'shopper%', true);

-- Every effect that repeats an earlier one of the same thing (this order, shipment, part, return or change; for payments this
-- payment), with the one before it, how the two calls came about in words, and what to do about it.
CREATE TABLE repeated_effects AS
WITH once_each (kind) AS (
    VALUES ('oms_order_created'), ('sales_order_received'), ('fulfilment_requested'), ('payment_captured'), ('payment_voided'),
           ('invoice_received'), ('oms_order_shipped'), ('shipment_recorded'), ('return_authorised'), ('return_expected'),
           ('credit_memo_received'), ('payment_refunded'), ('refund_confirmed'), ('stock_adjusted')
), several AS ( -- few
    SELECT kind, order_ref, ref FROM effects SEMI JOIN once_each USING (kind)
    GROUP  BY kind, order_ref, ref HAVING count(*) > 1
), turns AS (
    SELECT e.effect_id, e.call_id, lag(e.effect_id) OVER turn AS before_id, lag(e.call_id) OVER turn AS before_call_id
    FROM   effects AS e
    JOIN   several AS s ON s.kind = e.kind AND s.order_ref IS NOT DISTINCT FROM e.order_ref AND s.ref IS NOT DISTINCT FROM e.ref
    WINDOW turn AS (PARTITION BY e.kind, e.order_ref, e.ref,
                                 CASE WHEN e.kind = 'payment_voided' THEN e.document_id END ORDER BY e.at_ns, e.effect_id)
), asked AS (
    SELECT t.effect_id, t.before_id, b.call_id AS before_call_id, c.call_id, b.outcome, b.replied_ns, c.at_ns,
           b.idempotency_key AS before_key, c.idempotency_key AS key,
           CASE WHEN b.outcome = 'unknown' AND coalesce(b.status < 500, true) THEN 'with no whole reply'
                ELSE b.status::VARCHAR END AS answer
    FROM   turns AS t
    LEFT   JOIN sut_calls AS b ON b.call_id = t.before_call_id
    LEFT   JOIN sut_calls AS c ON c.call_id = t.call_id
    WHERE  t.before_id IS NOT NULL
)
SELECT effect_id, before_id, before_call_id, call_id,
       CASE WHEN call_id IS NULL OR before_call_id IS NULL THEN NULL
            ELSE format('the call before was answered {} {}, the next was sent {} {}',
                        answer, coalesce('under key ' || before_key, 'and had no key'),
                        CASE WHEN at_ns < replied_ns THEN 'before that answer' ELSE span(at_ns - replied_ns) || ' later' END,
                        CASE WHEN key IS NULL THEN 'without a key'
                             WHEN key = before_key THEN 'under the same key' ELSE 'under key ' || key END) END AS words,
       CASE WHEN call_id IS NULL OR before_call_id IS NULL THEN NULL
            WHEN key = before_key
            THEN 'Look it up before asking again: a system forgets a key after its lifetime, or does not heed it.'
            WHEN at_ns < replied_ns
            THEN 'Work on one order at a time, or send both calls under one Idempotency-Key: they were under way at once.'
            WHEN outcome = 'ok'
            THEN 'Store what is done, and take an event that comes again for known: the first call had been answered.'
            ELSE 'Repeat a call that had no answer under its first Idempotency-Key, or look it up before asking again.'
            END AS remedy
FROM   asked;

-- One thing that the middleware wanted done once, however often it asked: same system, operation, subject and body.
CREATE VIEW intents AS
SELECT system, operation, subject, path, request_body,
       count(*)                                       AS calls,
       bool_or(outcome = 'ok')                        AS succeeded,
       min(at_ns)                                     AS first_ns,
       max(at_ns)                                     AS last_ns,
       arg_min(call_id, at_ns)                        AS first_call_id
FROM   sut_calls
WHERE  changes
GROUP  BY system, operation, subject, path, request_body;

-- Every call of each intent that was asked for more than once, in turn: the k-th call of its intent.
CREATE TABLE repeated_calls AS
SELECT r.intent, c.call_id, c.system, c.operation, c.subject, c.at_ns, c.outcome, c.status, c.permanent, c.idempotency_key, c.replayed,
       row_number() OVER (PARTITION BY r.intent ORDER BY c.at_ns, c.call_id) AS turn
FROM   sut_calls AS c
JOIN  (SELECT *, row_number() OVER () AS intent FROM intents WHERE calls > 1) AS r -- few
       ON r.system = c.system AND r.operation = c.operation AND r.subject = c.subject AND r.path = c.path
      AND r.request_body IS NOT DISTINCT FROM c.request_body
WHERE  c.changes;

-- Every call of each intent that was not fulfilled at once, in turn: the k-th call of its intent, and the call before it.
-- `passing` says that this call failed in a way that may pass: no answer, a 5xx, 408, 425 or 429.
CREATE TABLE troubled_calls AS
WITH troubled AS ( -- few; numbered, for DuckDB's hash of several columns is no identity
    SELECT *, row_number() OVER () AS intent
    FROM  (SELECT DISTINCT system, operation, subject, path, request_body FROM sut_calls WHERE changes AND outcome <> 'ok')
), asked AS (
    SELECT t.intent, c.call_id, c.system, c.client, c.operation, c.subject, c.path, c.request_body, c.order_ref, c.at_ns, c.replied_ns,
           c.outcome, c.status, coalesce(c.committed, false) AS committed, c.permanent, c.refused_by, c.error, c.retry_after_s,
           c.idempotency_key, c.replayed,
           c.outcome = 'unknown' OR (c.outcome = 'refused' AND NOT coalesce(c.permanent, false)
                                     AND coalesce(c.status >= 500 OR c.status IN (408, 425, 429), false)) AS passing
    FROM   sut_calls AS c
    JOIN   troubled AS t ON t.system = c.system AND t.operation = c.operation AND t.subject = c.subject AND t.path = c.path
                        AND t.request_body IS NOT DISTINCT FROM c.request_body -- whatever its client: a 401 has none
    WHERE  c.changes
)
SELECT *, row_number() OVER turns AS turn, lag(call_id) OVER turns AS call_before, lag(replied_ns) OVER turns AS replied_before_ns,
       lag(passing) OVER turns AS passing_before, lag(retry_after_s) OVER turns AS asked_to_wait_s
FROM   asked
WINDOW turns AS (PARTITION BY intent ORDER BY at_ns, call_id);

-- What left the warehouse, line by line, with the price it was ordered at; `effect_id` is the shipment's.
CREATE TABLE shipped_lines AS
SELECT s.order_ref, s.shipment_id, s.effect_id, s.at_ns, s.line.line_id AS line_id, s.line.sku AS sku,
       s.line.quantity AS quantity, o.unit_price
FROM   (SELECT order_ref, ref AS shipment_id, effect_id, at_ns, unnest(lines) AS line
        FROM effects WHERE kind = 'shipment_confirmed') AS s
LEFT   JOIN order_lines AS o ON o.order_ref = s.order_ref AND o.line_id = s.line.line_id;

-- What the warehouse gave up on, line by line.
CREATE TABLE short_lines AS
SELECT order_ref, effect_id, at_ns, line ->> '$.line_id' AS line_id, line ->> '$.sku' AS sku,
       TRY_CAST(line ->> '$.quantity' AS BIGINT) AS quantity
FROM   (SELECT order_ref, effect_id, at_ns, unnest(from_json(data -> '$.short', '["JSON"]')) AS line
        FROM effects WHERE kind = 'shipment_confirmed' AND (data -> '$.short') IS NOT NULL);

-- What a system cancelled of an order, line by line; a null line id means the whole order.
CREATE TABLE cancelled_lines AS
SELECT system, order_ref, effect_id, at_ns, line.line_id AS line_id, line.quantity AS quantity
FROM   (SELECT system, order_ref, effect_id, at_ns,
               unnest(coalesce(lines, [{'line_id': NULL, 'sku': NULL, 'quantity': NULL, 'unit_price': NULL}])) AS line
        FROM   effects
        WHERE  kind IN ('order_cancelled', 'lines_cancelled', 'oms_order_cancelled', 'oms_lines_cancelled',
                        'sales_order_cancelled', 'sales_order_lines_cancelled'));

-- What shoppers did, second by second of the workload and by flow: what was due (sent or not), what was sent, what of that more
-- than 100 ms late, what was answered, and what of that with a 5xx or not at all. A basket that is tried again is sent again.
CREATE VIEW load_seconds AS
WITH began AS (
    SELECT coalesce((SELECT min(at_ns) FROM load), min(at_ns)) AS at_ns FROM workload WHERE kind = 'phase' AND detail = 'workload'
), acts AS (
    SELECT CASE kind WHEN 'order' THEN 'order-to-ship' WHEN 'cancellation_request' THEN 'cancel'
                     WHEN 'return_request' THEN 'return-to-refund' WHEN 'price_look' THEN 'price-publish'
                     ELSE 'stock-sync' END AS flow,
           due_ns, at_ns, replied_ns, coalesce(status, 500) >= 500 AS failed
    FROM   workload
    WHERE  kind IN ('order', 'cancellation_request', 'return_request', 'price_look', 'stock_poll')
    AND    due_ns IS NOT NULL AND replied_ns IS NOT NULL
), steps AS (
    SELECT flow, due_ns AS at_ns, 1 AS due, 0 AS sent, 0 AS late, 0 AS answered, 0 AS failed FROM acts
    WHERE  flow IN ('price-publish', 'stock-sync') OR due_ns >= coalesce((SELECT max(at_ns) + 1000000000 FROM load), 0)
    UNION  ALL
    SELECT flow, at_ns, 0, 1, (at_ns - due_ns > 100000000)::INTEGER, 0, 0 FROM acts
    UNION  ALL
    SELECT flow, replied_ns, 0, 0, 0, 1, failed::INTEGER FROM acts
    UNION  ALL
    SELECT 'order-to-ship', at_ns, orders_due, 0, 0, 0, 0 FROM load
    UNION  ALL
    SELECT 'cancel', at_ns, cancellations_due, 0, 0, 0, 0 FROM load
    UNION  ALL
    SELECT 'return-to-refund', at_ns, returns_due, 0, 0, 0, 0 FROM load
)
SELECT s.flow, floor((s.at_ns - b.at_ns) / 1e9)::BIGINT AS second,
       sum(s.due)::BIGINT AS due, sum(s.sent)::BIGINT AS sent, sum(s.late)::BIGINT AS late,
       sum(s.answered)::BIGINT AS answered, sum(s.failed)::BIGINT AS failed
FROM   steps AS s CROSS JOIN began AS b
GROUP  BY ALL;
