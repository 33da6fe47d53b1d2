-- An expression for all further columns of row j in one value.
create or replace function gjobs.written_further()
    returns text language sql stable security invoker set search_path = '' as $$
    select format('jsonb_object(array[%s]::text[], array[%s]::text[])',
                  string_agg(quote_literal(name), ', '), string_agg(written, ', '))
      from gjobs.further_columns()
$$;
