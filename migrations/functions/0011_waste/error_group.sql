-- The id of the group of failed jobs with this error. The expression comes from
-- store/error_groups/error_group_sql.py, see tests/migrations/error_group_file.py. A trigger calls this
-- function, so it never fails: an error that it cannot group counts as an empty one.
create or replace function gjobs.error_group(p_error text)
    returns text language plpgsql stable security invoker set search_path = '' as $$
begin
    return (
select left(encode(sha256(convert_to(found.fingerprint, CASE getdatabaseencoding() WHEN 'SQL_ASCII' THEN 'SQL_ASCII' ELSE 'UTF8' END)), 'hex'), 10) from (
select (
SELECT btrim(left(
           CASE WHEN words ~ '[0-9]' THEN regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(regexp_replace(words, E'[0-9]{4}-[0-9]{2}-[0-9]{2}(?:[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]+)?)?(?: ?Z| ?[+-][0-9]{2}:?[0-9]{2})?)?', E'<time>', 'g'), E'(?<![0-9:])[0-9]{1,2}:[0-9]{2}:[0-9]{2}(?:[.,][0-9]+)?(?![0-9A-Fa-f:])', E'<time>', 'g'), E'(?<![0-9A-Za-z_-])eyJ[0-9A-Za-z_-]{5,}(?:[.][0-9A-Za-z_-]+){1,2}', E'#', 'g'), E'(?<![0-9A-Za-z_-])(?:AIza|A[KS]IA|gh[a-z]_|github_pat_|sk[_-]|xox[a-z]-)[0-9A-Za-z_-]{12,}', E'#', 'g'), E'[0-9A-Fa-f]{8}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{4}-[0-9A-Fa-f]{12}', E'#', 'g'), E'(?<![0-9A-Za-z:.])[0-9A-Fa-f]{1,4}(?:::?[0-9A-Fa-f]{1,4}){3,7}(?![0-9A-Za-z:])', E'#', 'g'), E'(?<![0-9A-Za-z])0[Xx][0-9A-Fa-f]+(?![0-9A-Za-z])', E'#', 'g'), E'(?<![0-9A-Za-z])(?=[A-Fa-f]*[0-9])[0-9A-Fa-f]{8,}(?![0-9A-Za-z])', E'#', 'g'), E'(?<![0-9A-Za-z])(?=[A-Za-z]*[0-9][A-Za-z]*[0-9])[0-9A-Za-z]{16,}(?![0-9A-Za-z])', E'#', 'g'), E'[0-9]+(?:[.,][0-9]+)*', E'#', 'g'), E'#(?:[,;] ?#)+', E'#', 'g') ELSE words END, 200
       ), ' ') FROM (
SELECT regexp_replace(regexp_replace(regexp_replace(regexp_replace(line, E'(://[^ \\t?#\\"''<>]*)[?#][^ \\t\\"''<>)]*', E'\\1?<query>', 'g'), E'(/[^ \\t?#\\"''<>]*)[?][0-9A-Za-z_.-]+=[^ \\t\\"''<>)]*', E'\\1?<query>', 'g'), E'(?<![0-9A-Za-z._+-])[0-9A-Za-z._+-]+(?:''[0-9A-Za-z._+-]+)*@[0-9A-Za-z](?:[0-9A-Za-z-]*\\.)+[A-Za-z]+(?![0-9A-Za-z-])', E'<email>', 'g'), E'[ \\t\\f\\v]+', E' ', 'g') AS words FROM (
SELECT left(coalesce(
           CASE WHEN strpos(message, 'Traceback (most recent call last):') > 0 THEN substring(regexp_replace(message, E'^.*Traceback \\(most recent call last\\):', ''), E'[\\n\\r]([^ \\t\\n\\r][^\\n\\r]*)') END,
           substring(message, E'[^ \\t\\n\\r][^\\n\\r]*'), ''), 300) AS line FROM (
SELECT CASE
           WHEN head ~ E'^[ \\t\\n\\r]*(?:\\{|\\[[ \\t\\n\\r]*[\\[{\\"])'
               THEN coalesce(CASE WHEN getdatabaseencoding() = 'UTF8' OR strpos(substring(head, E'\\"message\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)'), E'\\u') = 0 THEN CAST('"' || substring(head, E'\\"message\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)') || '"' AS json) #>> '{}' ELSE substring(head, E'\\"message\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)') END, CASE WHEN getdatabaseencoding() = 'UTF8' OR strpos(substring(head, E'\\"(?:error|detail|details|msg|reason|description|title)\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)'), E'\\u') = 0 THEN CAST('"' || substring(head, E'\\"(?:error|detail|details|msg|reason|description|title)\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)') || '"' AS json) #>> '{}' ELSE substring(head, E'\\"(?:error|detail|details|msg|reason|description|title)\\"[ \\t\\n\\r]*:[ \\t\\n\\r]*\\"((?:[^\\"\\\\\\u0001-\\u001f]|\\\\[\\"\\\\/bfnrt]|\\\\u(?!0000|[Dd][89A-Fa-f])[0-9A-Fa-f]{4}|\\\\u[Dd][89ABab][0-9A-Fa-f]{2}\\\\u[Dd][C-Fc-f][0-9A-Fa-f]{2})+)') END, regexp_replace(head, E'[\\n\\r]+', ' ', 'g'))
           WHEN strpos(head, 'Traceback (most recent call last):') > 0 THEN right(p_error, 4000)
           ELSE head END AS message FROM (
SELECT left(p_error, 4000) AS head OFFSET 0) heads OFFSET 0) messages OFFSET 0) lines OFFSET 0) replaced) as fingerprint offset 0) found);
exception when others then
    return left(encode(sha256(''), 'hex'), 10);
end $$;
