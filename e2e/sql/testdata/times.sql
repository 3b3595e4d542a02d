page: https://docs.snowflake.com/en/sql-reference/functions/add_months
> select add_months('2024-02-29'::date, 1)::varchar, add_months('2024-01-31'::date, 1)::varchar
= 2024-03-31|2024-02-29
> select add_months('2024-02-29 10:00:00'::timestamp_ntz, 1)::varchar
= 2024-03-31 10:00:00.000
page: https://docs.snowflake.com/en/sql-reference/functions/convert_timezone
> select convert_timezone('America/Los_Angeles', 'America/New_York', '2024-01-01 14:00:00'::timestamp_ntz)::varchar
= 2024-01-01 17:00:00.000
> select to_timestamp_ntz(convert_timezone('UTC', '2024-01-01 14:00:00 +0000'::timestamp_tz))::varchar
= 2024-01-01 14:00:00.000
page: https://docs.snowflake.com/en/sql-reference/data-types-datetime
> select '01:02:03.5'::time::varchar
= 01:02:03
page: https://docs.snowflake.com/en/sql-reference/functions/to_char
> select to_varchar('2024-01-01 14:05:00'::timestamp_ntz, 'yyyy-mm-dd HH24:MI' || 'UTC')
= 2024-01-01 14:05UTC
# An interval of days leaves a date a date; times lose the digits that their type has not.
page: https://docs.snowflake.com/en/sql-reference/data-types-datetime
> select ('2024-01-01'::date + interval '1 day')::varchar, ('2024-01-31'::date + interval '1 month')::varchar, ('2024-01-01'::date - interval '1 week, 1 day')::varchar
= 2024-01-02|2024-02-29|2023-12-24
> select ('2024-01-01'::date + interval '1 hour')::varchar, ('2024-01-01'::date + interval '1 day, 1 hour')::varchar
= 2024-01-01 01:00:00.000|2024-01-02 01:00:00.000
> select '2024-01-02 03:04:05.987654'::timestamp_ntz(3) = '2024-01-02 03:04:05.987'::timestamp_ntz, '1969-12-31 23:59:59.987'::timestamp_ntz(0)::varchar
= 1|1969-12-31 23:59:59.000
> select '01:02:03.5'::time(0) = '01:02:03'::time
= 1
