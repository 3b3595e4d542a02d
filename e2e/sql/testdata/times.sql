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
