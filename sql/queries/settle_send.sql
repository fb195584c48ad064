-- used by: store/sends.rs settle
-- locks:   the delivery's row
-- index:   deliveries_pk
select waypost.settle($1, $2, source => 'operator')
