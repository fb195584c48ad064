-- The contacts as the engine reads them; empty until waypost.install_crm() or a team's own mapping takes this place.
-- Called by: enrolment, workers, the API. Keep names, types and order of the columns.
create view waypost.contacts with (security_invoker = true) as
select null::text as tenant, null::uuid as id, null::text as external_id, null::text as email, null::text as phone,
       null::text as first_name, null::text as last_name, null::text as full_name, null::text as company_name,
       null::text as timezone, null::text[] as tags, null::text as source, null::jsonb as dnd, null::text as address1,
       null::text as city, null::text as state, null::text as postal_code, null::text as country,
       null::date as birth_date, null::text as owner_id, null::timestamptz as last_purchase_date,
       null::timestamptz as created_at, null::timestamptz as updated_at, null::jsonb as fields
where false;
