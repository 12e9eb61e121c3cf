-- Leave the tombstone: the id is never given again; how many items were erased with it.
-- $1 tenant, $2 items
UPDATE konstruct.registry_claims
SET
    state = 'Erased',
    erased_at = now(),
    erased_items = coalesce(erased_items, 0) + $2,
    digest = ''
WHERE tenant_id = $1 AND state = 'Erasing'
