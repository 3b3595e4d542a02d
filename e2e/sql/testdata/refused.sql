# What is not done is refused by name, with error 2.
page: https://docs.snowflake.com/en/sql-reference/functions/convert_timezone
> select convert_timezone('America/New_York', '2024-01-01 00:00:00 +0000'::timestamp_tz)
! 2
page: https://docs.snowflake.com/en/sql-reference/constructs/pivot
> select * from t pivot (sum(a) for b in (1))
! 2
page: https://docs.snowflake.com/en/sql-reference/sql/explain
> explain select 1
! 2
page: https://docs.snowflake.com/en/sql-reference/sql/desc-table
> desc table t type = stage
! 2
